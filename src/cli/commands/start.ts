import { url as inspectorUrl } from 'node:inspector';
import type { Command } from 'commander';
import { ConfigError, textIn } from '../../apps/settings.ts';
import { type Config, DEVELOPMENT, readConfig } from '../../config.ts';
import { openJournal } from '../../observability/journal.ts';
import { type Server, startServer } from '../../server.ts';
import { readEnvFile } from '../env-file.ts';
import { fail } from '../fail.ts';
import { openFilesLimit } from '../open-files.ts';
import { startBlock } from '../start-block.ts';

export interface StartFlags {
  readonly host?: string;
  readonly port?: string;
  readonly path?: string;
  readonly hostname?: string;
  readonly debug?: boolean;
  readonly envFile?: string;
}

/** What another command adds to the environment, and what it cannot do without. */
export interface Wish {
  readonly given: Readonly<Record<string, string | undefined>>;
  readonly required: readonly string[];
}

/** The flags of `php artisan reverb:start`, and `--env-file`. */
export function addStart(program: Command, version: string): void {
  addStartFlags(program.command('start'))
    .description('Start the server')
    .action((flags: StartFlags) => start(flags, version));
}

export const addStartFlags = (command: Command): Command =>
  command
    .option('--host <address>', 'address to listen on (REVERB_SERVER_HOST)')
    .option('--port <port>', 'port to listen on (REVERB_SERVER_PORT)')
    .option('--path <path>', 'path prefix (REVERB_SERVER_PATH)')
    .option('--hostname <name>', 'name whose Herd or Valet certificate is used (REVERB_HOST)')
    .option('--debug', 'show every message')
    .option('--env-file <file>', "read variables from Laravel's .env; what is set already wins");

const NO_WISH: Wish = { given: {}, required: [] };

/** Runs the server until a signal ends it. */
export async function start(flags: StartFlags, version: string, wish = NO_WISH): Promise<void> {
  const openFiles = openFilesLimit();
  const config = configure(flags, wish, openFiles);
  if (config === undefined) return;
  if (config.appsFrom !== DEVELOPMENT && inspectorUrl() !== undefined) {
    fail(['The inspector is open: whoever reaches it owns the process. Start without --inspect.']);
    process.exit();
  }
  outliveReaders();
  const journal = openJournal({
    debugging: config.debug,
    forTerminal: process.stdout.isTTY,
    write: (line) => process.stdout.write(line),
  });
  process.on('uncaughtException', (error) =>
    journal.defect('Something went wrong that should not have', error),
  );
  process.on('unhandledRejection', (error) =>
    journal.defect('Something went wrong that should not have', error),
  );
  try {
    const server = await startServer(config, journal);
    obeySignals(server);
    process.stdout.write(startBlock(config, server, version, openFiles));
  } catch (error) {
    fail([(error as Error).message]);
  }
}

function configure(flags: StartFlags, wish: Wish, openFiles: number | undefined): Config | undefined {
  try {
    const file = flags.envFile === undefined ? {} : readEnvFile(flags.envFile, process.env);
    const variables = { ...file, ...process.env, ...fromFlags(flags, wish.given) };
    const missing = wish.required.filter((name) => textIn(variables, name) === undefined);
    if (missing.length > 0) throw new ConfigError(missing.map((name) => `${name}: expected a value`));
    const config = readConfig(variables);
    const room = openFiles === undefined ? 0 : Math.floor(openFiles * 0.95);
    return config.maxConnections > 0 ? config : { ...config, maxConnections: room };
  } catch (error) {
    fail(error instanceof ConfigError ? error.problems : [(error as Error).message]);
    return undefined;
  }
}

function fromFlags(
  { host, port, path, hostname, debug }: StartFlags,
  others: Wish['given'],
): Record<string, string> {
  const given = {
    REVERB_SERVER_HOST: host,
    REVERB_SERVER_PORT: port,
    REVERB_SERVER_PATH: path,
    REVERB_HOST: hostname,
    WAVEHALL_DEBUG: debug === true ? 'true' : undefined,
    ...others,
  };
  return Object.fromEntries(
    Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** Nobody reads the output any more (a closed pipe or terminal): no reason to stop, and no defect to write there. */
function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

/** The first signal drains, the second hastens it. */
function obeySignals(server: Server): void {
  const stop = (): void => {
    void server.stop().then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', () => server.reloadTls());
}
