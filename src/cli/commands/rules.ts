import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { isJsonObject, type JsonObject, parseJson } from '#protocol';
import type { TokenOptions } from '../../auth/tokens/options.ts';
import type { RightsReport } from '../../auth/tokens/report.ts';
import { readRules } from '../../config/access/channel-rules.ts';
import { TOKEN_SETTINGS } from '../../config/access/token-settings.ts';
import { type Config, readConfig } from '../../config/index.ts';
import { ConfigError, type Variables } from '../../settings/settings.ts';
import { variablesOf } from '../client/options.ts';
import { counted, print, runCommand, shown } from '../client/output.ts';

interface TestFlags {
  readonly envFile?: string;
  readonly rules?: string;
  readonly token?: string;
  readonly claims?: string;
  readonly channel: readonly string[];
  readonly json?: boolean;
}

/** `wavehall rules`: checks a file of channel rules, and shows what a token may do (SPEC 15.4). */
export function addRules(program: Command): void {
  const rules = program.command('rules').description('Check channel rules, and show what a token may do');
  rules
    .command('check')
    .argument('<file>', 'file of channel rules')
    .option('--json', 'print JSON, as without a terminal')
    .description('Read a file of channel rules as the server does at its start')
    .action((file: string, flags: { readonly json?: boolean }) =>
      runCommand(() => Promise.resolve(check(file, flags))),
    );
  rules
    .command('test')
    .description('Show which channels a token opens, and which rule decides')
    .option('--token <token>', 'the token; - reads it from the standard input')
    .option('--claims <json>', 'claims in place of a token')
    .option('--channel <name...>', 'channels to ask for', [])
    .option('--rules <file>', `file of channel rules (${TOKEN_SETTINGS.channelRules.name})`)
    .option('--env-file <file>', "read variables from Laravel's .env; variables that are set already win")
    .option('--json', 'print JSON, as without a terminal')
    .action((flags: TestFlags) => runCommand(() => test(flags)));
}

function check(file: string, flags: { readonly json?: boolean }): void {
  const problems: string[] = [];
  const found = readRules(TOKEN_SETTINGS.channelRules.name, file, problems);
  if (found === undefined) throw new ConfigError(problems);
  const count = found.rules.length;
  print(flags, { file, rules: count }, () => [`${shown(file)}: ${counted(count, 'rule')}, without a fault`]);
}

async function test(flags: TestFlags): Promise<void> {
  if ((flags.token === undefined) === (flags.claims === undefined))
    throw new Error('expected either --token or --claims');
  const variables = { ...variablesOf(flags), ...(flags.rules !== undefined && { [RULES]: flags.rules }) };
  const claims = flags.claims === undefined ? undefined : claimsIn(flags.claims);
  const { config, options } = claims === undefined ? withKeys(variables) : withoutKeys(variables);
  const app = config.apps.find(({ id }) => id === options.app);
  if (app === undefined) throw new Error(`${RULES}: app: expected the id of a configured app`);
  const { openTokens } = await import('../../auth/tokens/index.ts');
  const { reportRights } = await import('../../auth/tokens/report.ts');
  const { StaticApps } = await import('../../apps/static.ts');
  const deps = { apps: new StaticApps(config.apps), clock: Date.now, logger: { warn: () => undefined } };
  const { tokens, verifier } = openTokens(options, deps);
  const verified =
    claims === undefined
      ? await verifier.verify(tokenIn(flags)).catch(refusal)
      : { claims, expiresAtMs: undefined };
  const report = reportRights({ tokens, rules: options.rules, app }, verified, flags.channel);
  print(flags, report, () => linesOf(report));
}

/** Names the fault of a token; it has nothing of the token. */
function refusal(error: unknown): never {
  if (!(error instanceof Error && 'fault' in error)) throw error;
  throw new Error(`the token is refused (${String(error.fault)}): ${error.message}`);
}

const RULES = TOKEN_SETTINGS.channelRules.name;

const tokenIn = ({ token }: TestFlags): string =>
  token === '-' ? readFileSync(0, 'utf8').trim() : (token ?? '');

function claimsIn(text: string): JsonObject {
  const claims = parseJson(text);
  if (!isJsonObject(claims)) throw new Error('--claims: expected a JSON object');
  return claims;
}

interface Found {
  readonly config: Config;
  readonly options: TokenOptions;
}

function withKeys(variables: Variables): Found {
  const config = readConfig(variables);
  if (config.tokens === undefined)
    throw new Error(
      `--token: expected a key of tokens, such as ${TOKEN_SETTINGS.jwtSecret.name}, and ${RULES}`,
    );
  return { config, options: config.tokens };
}

/** Claims need no key: the rules alone are read, with a secret that nobody has. */
function withoutKeys(variables: Variables): Found {
  const names = [
    TOKEN_SETTINGS.jwtPublicKey.name,
    TOKEN_SETTINGS.jwtKeySetUrl.name,
    TOKEN_SETTINGS.jwtAlgorithms.name,
  ];
  const none = Object.fromEntries(names.map((name) => [name, undefined]));
  return withKeys({ ...variables, ...none, [TOKEN_SETTINGS.jwtSecret.name]: crypto.randomUUID() });
}

function* linesFor({
  channel,
  onSocket,
  atGateway,
  rule,
  why,
  channelData,
  rules,
}: RightsReport['channels'][number]) {
  const by = rule === undefined ? '' : ` by rule ${rule}`;
  const answer =
    atGateway === onSocket
      ? onSocket
      : `${onSocket} after a sign-in, at the gateway: ${atGateway === 'ask' ? 'Laravel decides' : atGateway}`;
  yield '';
  yield `${shown(channel)}: ${answer}${by} (${why})`;
  if (channelData !== undefined) yield `  member: ${shown(channelData)}`;
  for (const each of rules) yield `  rule ${each.rule}  ${shown(each.pattern)}  ${shown(each.why)}`;
}

const linesOf = ({ app, userData, expiresAt, channels }: RightsReport): string[] => [
  `app: ${shown(app)}`,
  `user: ${shown(userData ?? 'none, because the token has no usable id')}`,
  `ends: ${expiresAt ?? 'never'}`,
  ...channels.flatMap((each) => [...linesFor(each)]),
];
