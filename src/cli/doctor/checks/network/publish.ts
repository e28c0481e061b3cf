import type { Context } from '../../context.ts';
import { envFix } from '../../laravel/env.ts';
import { shown } from '../../network/answer-kind.ts';
import { portOf } from '../../network/faults.ts';
import type { PublishOutcome } from '../../network/publish.ts';
import { type Finding, type Fix, ok, problem, skipped } from '../../report/finding.ts';
import type { ProblemName } from '../../report/problems.ts';
import { applyEnv } from '../fixes.ts';

/** Publishes an event where Laravel publishes, as Laravel signs it. */
export async function checkPublish(context: Context): Promise<Finding[]> {
  const { publish } = context.network.options;
  const { published, large } = await context.network.roundTrip();
  if (publish === undefined || published === undefined)
    return [skipped('publish', 'where Laravel publishes, or with which secret, is not known')];
  if (published.kind === 'fault')
    return [
      problem(
        `publish-${published.report.fault}`,
        `${publish.href}: ${published.report.reason}`,
        fixOf(context, `publish-${published.report.fault}`),
      ),
      ...(await otherAddress(context, publish)),
    ];
  if (published.problem !== undefined)
    return [
      problem(
        published.problem,
        `${publish.href} answered ${shown(published.answer)}`,
        fixOf(context, published.problem),
      ),
      // Another answer may be that of a proxy in front of Wavehall.
      ...(published.problem === 'publish-path-wrong' ? await otherAddress(context, publish) : []),
    ];
  return sizeIsLimited(large) ? [tooSmall(context)] : [ok('publish', `${publish.href} took an event`)];
}

const sizeIsLimited = (large: PublishOutcome | undefined): boolean =>
  large?.kind === 'answer' && large.answer.status === 413;

function tooSmall({ server, serverEnv }: Context): Finding {
  const limit = server.apps?.[0]?.limits.requestBytes;
  return problem(
    'event-size-limited',
    `an event with 10,000 bytes of data was answered with 413${limit === undefined ? '' : ` (REVERB_MAX_REQUEST_SIZE is ${limit} here)`}; a proxy may have a limit too`,
    envFix(serverEnv, 'REVERB_MAX_REQUEST_SIZE', '131072'),
  );
}

const prefixOf = ({ broadcast }: Context): string =>
  broadcast?.connection === 'pusher' ? 'PUSHER' : 'REVERB';

type Fixes = Partial<Readonly<Record<ProblemName, Fix>>>;

/** The line of the setting that most often causes the problem. */
function fixOf(context: Context, name: ProblemName): Fix | undefined {
  const { laravel, serverEnv, network, server } = context;
  const run = laravel && applyEnv(laravel);
  const set = (part: string, value: string): Fix =>
    envFix(laravel?.env ?? serverEnv, `${prefixOf(context)}_${part}`, value, run);
  const port = String(server.config?.port ?? 8080);
  const proxy = {
    line: `location /apps { proxy_pass http://127.0.0.1:${port}; }  # nginx: pass /apps to Wavehall, without a challenge or a log-in`,
  };
  const otherScheme = network.options.publish?.protocol === 'https:' ? 'http' : 'https';
  const fixes: Fixes = {
    'publish-host-unknown': set('HOST', '127.0.0.1'),
    'publish-refused': set('PORT', port),
    'publish-timeout': set('PORT', port),
    'publish-scheme-wrong': set('SCHEME', otherScheme),
    'publish-signature-refused': set(
      'APP_SECRET',
      `the secret of app "${network.options.appId}" at the server`,
    ),
    'publish-app-unknown': set('APP_ID', 'the id of an app of the server'),
    'publish-clock-refused': { run: 'timedatectl set-ntp true' },
    'publish-path-wrong': proxy,
    'publish-page-answered': proxy,
  };
  return fixes[name];
}

/** Names the setting when Wavehall listens on this machine, and Laravel publishes elsewhere on it. */
async function otherAddress(context: Context, publish: URL): Promise<Finding[]> {
  const { network, laravel, server } = context;
  const { local } = network.options;
  if (local === undefined || laravel === undefined || !isThisMachine(publish)) return [];
  if ((await network.identity(local)).program !== 'wavehall') return [];
  const found: Finding[] = [];
  const run = applyEnv(laravel);
  const apiPort = server.config?.apiPort ?? portOf(local);
  if (portOf(publish) !== apiPort)
    found.push(
      problem(
        'publish-port-mismatch',
        `Laravel publishes to port ${portOf(publish)}, and Wavehall listens on ${apiPort} for them`,
        envFix(laravel.env, `${prefixOf(context)}_PORT`, String(apiPort), run),
      ),
    );
  const path = context.broadcast?.path ?? '';
  if (path !== '' && path !== server.config?.path)
    found.push(
      problem(
        'publish-path-mismatch',
        `Laravel's options have the path "/${path}", and the server's path is "/${server.config?.path ?? ''}"`,
        {
          file: `${laravel.folder}/config/broadcasting.php`,
          line: `'path' => env('REVERB_SERVER_PATH', ''),`,
          run,
        },
      ),
    );
  return found;
}

export const isThisMachine = ({ hostname }: URL): boolean =>
  /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\]|0\.0\.0\.0)$/.test(hostname);
