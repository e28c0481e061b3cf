import type { Context } from '../../context.ts';
import { envFix } from '../../laravel/env.ts';
import { type Finding, type Fix, ok, problem, skipped } from '../../report/finding.ts';
import type { Program } from '../../network/identity.ts';

const NAMES = { reverb: 'Laravel Reverb', soketi: 'soketi', other: 'a program that is not known' } as const;
const PROBLEM_NAMES = {
  reverb: 'other-server-reverb',
  soketi: 'other-server-soketi',
  other: 'other-server',
} as const;

/** Checks that Wavehall listens where its settings say, and answers where Laravel publishes. */
export async function checkServer(context: Context): Promise<Finding[]> {
  const { local, publish } = context.network.options;
  const found = [
    ...(local === undefined ? [] : await programAt(context, local)),
    ...(publish === undefined || publish.href === local?.href
      ? []
      : await programAtPublish(context, publish)),
  ];
  if (found.length > 0) return found;
  return local === undefined
    ? [skipped('server', 'the address of the server is not known')]
    : [ok('server', `Wavehall answers at ${local.origin}`)];
}

async function programAt(context: Context, local: URL): Promise<Finding[]> {
  const { program } = await context.network.identity(local);
  if (program === 'wavehall') return [];
  const port = `port ${local.port || '80'} of ${local.hostname}`;
  if (program === 'silent')
    return [
      problem(
        'server-not-answering',
        `${port} is taken, and nothing answers within ${context.options.timeoutMs / 1000} s`,
        otherPort(context),
      ),
    ];
  if (program !== 'none')
    return [problem(PROBLEM_NAMES[program], `${port}: ${NAMES[program]}`, freePort(context, program))];
  const { published } = await context.network.roundTrip();
  if (published?.kind === 'answer' && published.problem === undefined)
    return [skipped('server', `nothing listens on ${port} of this machine: the server runs on another one`)];
  return [problem('server-not-running', `nothing listens on ${port}`, { run: startCommand(context) })];
}

/** The same problem at the address of the server is reported once. */
async function programAtPublish({ network }: Context, publish: URL): Promise<Finding[]> {
  const { program } = await network.identity(publish);
  if (program !== 'reverb' && program !== 'soketi') return [];
  return [problem(PROBLEM_NAMES[program], `${publish.origin}, where Laravel publishes: ${NAMES[program]}`)];
}

const startCommand = ({ serverEnv }: Context): string =>
  serverEnv === undefined ? 'wavehall start' : `wavehall start --env-file ${serverEnv.file}`;

const otherPort = ({ serverEnv }: Context): Fix => envFix(serverEnv, 'REVERB_SERVER_PORT', '8081');

const freePort = (context: Context, program: Program): Fix =>
  program === 'reverb'
    ? { run: `stop php artisan reverb:start, then: ${startCommand(context)}` }
    : otherPort(context);
