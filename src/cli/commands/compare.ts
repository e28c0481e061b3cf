import type { Command } from 'commander';
import { problemsOf } from '../../settings/settings.ts';
import { type Config, readConfig } from '../../config/index.ts';
import { parseUrl } from '../../core/util/url.ts';
import { compare } from '../../cutover/compare/compare.ts';
import { comparisonTable } from '../../cutover/compare/comparison-report.ts';
import { ownSite, upstreamSite } from '../../cutover/probe/sites.ts';
import { localAdminUrl, localClientUrl } from '../admin-client.ts';
import { readEnvFile } from '../env-file.ts';
import { fail } from '../fail.ts';

const NO_GO = 2;

interface CompareFlags {
  readonly channels: string;
  readonly seconds: string;
  readonly member?: string;
  readonly app?: string;
  readonly upstream?: string;
}

interface SharedFlags {
  readonly url?: string;
  readonly envFile?: string;
  readonly json?: boolean;
}

/** `wavehall cutover compare`: compares both servers on given channels; exits with 0 for go, 2 for no go (SPEC 11.16). */
export function addCompare(cutover: Command): void {
  cutover
    .command('compare')
    .description('Subscribe to channels on both servers and compare; exits with 0 (go) or 2 (no go)')
    .requiredOption('--channels <names>', 'channels, separated by commas')
    .option('--seconds <seconds>', 'how long', '60')
    .option(
      '--member <user>',
      'id of a user who is on the presence channels; without one they are not compared',
    )
    .option('--app <id>', 'the app, when there are several')
    .option('--upstream <url>', 'address of the upstream (WAVEHALL_CUTOVER_UPSTREAM)')
    .action((flags: CompareFlags) => run(flags, cutover.opts()));
}

async function run(flags: CompareFlags, common: SharedFlags): Promise<void> {
  try {
    const channels = flags.channels.split(',').filter((name) => name.trim() !== '');
    if (channels.length === 0) throw new Error('--channels: expected names separated by commas');
    const listenMs = Number(flags.seconds) * 1000;
    if (!(listenMs > 0)) throw new Error(`--seconds ${flags.seconds}: expected a number above 0`);
    const comparison = await compare({
      sites: sitesFor(flags, common),
      channels,
      listenMs,
      member: flags.member,
    });
    process.stdout.write(
      common.json === true
        ? `${JSON.stringify(comparison, undefined, 2)}\n`
        : comparisonTable(comparison, { colour: process.stdout.isTTY }),
    );
    if (!comparison.isGo) process.exitCode = NO_GO;
  } catch (error) {
    fail(problemsOf(error));
  }
}

/** Reads the apps, their secrets and the upstream as `wavehall start` does. */
function sitesFor(flags: CompareFlags, common: SharedFlags) {
  const file = common.envFile === undefined ? {} : readEnvFile(common.envFile, process.env);
  const given = flags.upstream === undefined ? {} : { WAVEHALL_CUTOVER_UPSTREAM: flags.upstream };
  const variables = { ...file, ...process.env, ...given };
  const config = readConfig(variables);
  const url = common.url ?? localClientUrl(variables);
  const apiUrl = common.url ?? localAdminUrl(variables);
  if (config.cutover === undefined)
    throw new Error('--upstream, or WAVEHALL_CUTOVER_UPSTREAM: expected the address of the upstream');
  if (parseUrl(url) === undefined) throw new Error(`--url ${JSON.stringify(url)}: expected http://host:port`);
  const app = appIn(config, flags.app);
  const { upstream } = config.cutover;
  return {
    wavehall: {
      ...ownSite(app, new URL(`/${config.path}`, url), upstream.origin, true),
      apiUrl: new URL(`/${config.path}`, apiUrl),
    },
    upstream: upstreamSite(app, upstream),
  };
}

function appIn({ apps }: Config, id: string | undefined) {
  const app = id === undefined ? apps[0] : apps.find((each) => each.id === id);
  if (app === undefined)
    throw new Error(`--app ${id ?? ''}: expected one of ${apps.map((each) => each.id).join(', ')}`);
  return app;
}
