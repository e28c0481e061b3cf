import { url as inspectorUrl } from 'node:inspector';
import type { Command } from 'commander';
import { ConfigError } from '../../apps/settings.ts';
import { type Config, DEVELOPMENT, readConfig } from '../../config.ts';
import { openJournal } from '../../observability/journal.ts';
import { type Server, startServer } from '../../server.ts';
import { readEnvFile } from '../env-file.ts';
import { openFilesLimit } from '../open-files.ts';
import { startBlock } from '../start-block.ts';

interface Flags {
  readonly host?: string;
  readonly port?: string;
  readonly path?: string;
  readonly hostname?: string;
  readonly debug?: boolean;
  readonly envFile?: string;
}

/** The flags of `php artisan reverb:start`, and `--env-file`. */
export function addStart(program: Command, version: string): void {
  program
    .command('start')
    .description('Start the server')
    .option('--host <address>', 'address to listen on (REVERB_SERVER_HOST)')
    .option('--port <port>', 'port to listen on (REVERB_SERVER_PORT)')
    .option('--path <path>', 'path prefix (REVERB_SERVER_PATH)')
    .option('--hostname <name>', 'name whose Herd or Valet certificate is used (REVERB_HOST)')
    .option('--debug', 'show every message')
    .option('--env-file <file>', "read variables from Laravel's .env; what is set already wins")
    .action((flags: Flags) => start(flags, version));
}

async function start(flags: Flags, version: string): Promise<void> {
  const openFiles = openFilesLimit();
  const config = configure(flags, openFiles);
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

function configure(flags: Flags, openFiles: number | undefined): Config | undefined {
  try {
    const file = flags.envFile === undefined ? {} : readEnvFile(flags.envFile, process.env);
    const config = readConfig({ ...file, ...process.env, ...fromFlags(flags) });
    const room = openFiles === undefined ? 0 : Math.floor(openFiles * 0.95);
    return config.maxConnections > 0 ? config : { ...config, maxConnections: room };
  } catch (error) {
    fail(error instanceof ConfigError ? error.problems : [(error as Error).message]);
    return undefined;
  }
}

function fromFlags({ host, port, path, hostname, debug }: Flags): Record<string, string> {
  const given = {
    REVERB_SERVER_HOST: host,
    REVERB_SERVER_PORT: port,
    REVERB_SERVER_PATH: path,
    REVERB_HOST: hostname,
    WAVEHALL_DEBUG: debug === true ? 'true' : undefined,
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

function fail(problems: readonly string[]): void {
  process.stderr.write(problems.map((problem) => `wavehall: ${problem}\n`).join(''));
  process.exitCode = 1;
}
