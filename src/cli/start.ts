import { url as inspectorUrl } from 'node:inspector';
import { ConfigError, problemsOf, textIn } from '../settings/settings.ts';
import { type Config, DEVELOPMENT, readConfig } from '../config/index.ts';
import { socketShares } from '../config/listen.ts';
import type { Logger } from '../core/ports/logger.ts';
import { openLogger } from '../observability/logger.ts';
import { readEnvFile } from './env-file.ts';
import { fail } from './fail.ts';
import { openFilesLimit } from './open-files.ts';
import type { CommandSettings, StartFlags } from './commands/start.ts';
import { startBlock, startLine, stopLine } from './start-block.ts';
import { ownMark, type WorkerMark } from './workers/mark.ts';
import { failAsWorker } from './workers/primary-channel.ts';

const NO_SETTINGS: CommandSettings = { given: {}, required: [] };

/** Runs the server until a signal ends it, as one process or as the primary or a worker of several. */
export async function start(flags: StartFlags, version: string, settings = NO_SETTINGS): Promise<void> {
  keepInspectorClosed();
  const worker = ownMark();
  const openFiles = openFilesLimit();
  try {
    const config = configure(flags, settings, openFiles);
    if (config.appsFrom !== DEVELOPMENT && inspectorUrl() !== undefined) refuseInspector();
    const logger = openOwnLogger(config, worker?.number);
    if (worker !== undefined) return await serveAsWorker(config, logger, worker);
    for (const warning of config.warnings) logger.warn(warning);
    const place = await (config.workers > 1 ? serveByWorkers(config, logger) : serveAlone(config, logger));
    const print = process.stdout.isTTY ? startBlock : startLine;
    process.stdout.write(print(config, place, version, openFiles));
    logStop();
  } catch (error) {
    const problems = problemsOf(error);
    if (worker !== undefined) return failAsWorker(problems);
    fail(problems.map(withHint));
    // An open connection to Redis would keep the process running.
    process.exit();
  }
}

/** Adds a listener for SIGUSR1: without one, Node would open its inspector to every user of this machine. */
function keepInspectorClosed(): void {
  process.on('SIGUSR1', () => undefined);
}

function withHint(problem: string): string {
  if (!problem.includes('EADDRINUSE')) return problem;
  return /^WAVEHALL_\w+_PORT/.test(problem)
    ? `${problem}. Another program uses this port: stop it, or choose another port`
    : `${problem}. Is it Laravel Reverb (php artisan reverb:start), or another Wavehall? Stop it, or choose another port (--port, REVERB_SERVER_PORT)`;
}

/** Logs that the server stops; a terminal shows it by itself. */
function logStop(): void {
  if (process.stdout.isTTY) return;
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => process.stdout.write(stopLine(signal)));
}

function refuseInspector(): void {
  fail(['The inspector is open: anyone who reaches it controls the process. Start without --inspect.']);
  process.exit();
}

// Each process loads only the code that it runs: the primary of several workers serves nothing itself.

async function serveAlone(config: Config, logger: Logger) {
  return (await import('./handover/serve.ts')).serveAlone(config, logger);
}

async function serveByWorkers(config: Config, logger: Logger) {
  return (await import('./workers/index.ts')).serveWithWorkers(config, logger);
}

async function serveAsWorker(config: Config, logger: Logger, mark: WorkerMark) {
  return (await import('./workers/worker.ts')).serveAsWorker(config, logger, mark);
}

/** Opens the log of this process; errors from now on are written there and do not end the process. */
function openOwnLogger({ debug: debugging }: Config, worker: number | undefined): Logger {
  outliveReaders();
  const logger = openLogger({
    debugging,
    worker,
    forTerminal: process.stdout.isTTY,
    write: (line) => process.stdout.write(line),
  });
  const logUnexpected = (error: unknown): void =>
    logger.error(
      'Bug in Wavehall: an error was not caught; the server continues. Please report this stack, and restart if it repeats',
      error,
    );
  process.on('uncaughtException', logUnexpected);
  process.on('unhandledRejection', logUnexpected);
  return logger;
}

/** Reads file, environment and flags. Throws `ConfigError` with all problems. */
function configure(flags: StartFlags, settings: CommandSettings, openFiles: number | undefined): Config {
  const file = flags.envFile === undefined ? {} : readEnvFile(flags.envFile, process.env);
  const variables = { ...file, ...process.env, ...fromFlags(flags, settings.given) };
  const missing = settings.required.filter((name) => textIn(variables, name) === undefined);
  if (missing.length > 0) throw new ConfigError(missing.map((name) => `${name}: expected a value`));
  const config = readConfig(variables);
  if (openFiles === undefined) return config;
  const maxSockets = Math.max(openFiles - config.reservedFiles, Math.floor(openFiles / 2));
  const room = Math.min(Math.floor(openFiles * 0.95), socketShares(config, maxSockets).main);
  return { ...config, maxSockets, maxConnections: config.maxConnections || room };
}

function fromFlags(
  { host, port, path, hostname, workers, debug }: StartFlags,
  others: CommandSettings['given'],
): Record<string, string> {
  const given = {
    REVERB_SERVER_HOST: host,
    REVERB_SERVER_PORT: port,
    REVERB_SERVER_PATH: path,
    REVERB_HOST: hostname,
    WAVEHALL_WORKERS: workers,
    WAVEHALL_DEBUG: debug === true ? 'true' : undefined,
    ...others,
  };
  return Object.fromEntries(
    Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** Keeps the process alive when its output has no reader any more (a closed pipe or terminal), and logs no error for it. */
function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}
