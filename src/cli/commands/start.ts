import type { Command } from 'commander';

export interface StartFlags {
  readonly host?: string;
  readonly port?: string;
  readonly path?: string;
  readonly hostname?: string;
  readonly workers?: string;
  readonly debug?: boolean;
  readonly envFile?: string;
}

/** Settings that another command adds to the environment, and those that it requires. */
export interface CommandSettings {
  readonly given: Readonly<Record<string, string | undefined>>;
  readonly required: readonly string[];
}

/** Runs the server until a signal ends it. */
export type Start = (flags: StartFlags, settings?: CommandSettings) => Promise<void>;

/** The flags of `php artisan reverb:start`, and ours. */
export function addStart(program: Command, start: Start): void {
  addStartFlags(program.command('start'))
    .description('Start the server')
    .action((flags: StartFlags) => start(flags));
}

export const addStartFlags = (command: Command): Command =>
  command
    .option('--host <address>', 'address to listen on (REVERB_SERVER_HOST)')
    .option('--port <port>', 'port to listen on (REVERB_SERVER_PORT)')
    .option('--path <path>', 'path prefix (REVERB_SERVER_PATH)')
    .option('--hostname <name>', 'name whose Herd or Valet certificate is used (REVERB_HOST)')
    .option('--workers <count>', 'processes that serve the port together, with Redis (WAVEHALL_WORKERS)')
    .option('--debug', 'show every message')
    .option('--env-file <file>', "read variables from Laravel's .env; variables that are set already win");
