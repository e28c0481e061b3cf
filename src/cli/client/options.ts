import type { Command } from 'commander';
import { type Config, readConfig } from '../../config/index.ts';
import type { App } from '../../core/app.ts';
import type { Variables } from '../../settings/settings.ts';
import { type AdminAddress, localAdminUrl } from '../admin-client.ts';
import { readEnvFile } from '../env-file.ts';
import type { AppAddress } from './app-client.ts';

/** Flags of every command that talks to a running server. */
export interface ServerFlags {
  readonly url?: string;
  readonly token?: string;
  readonly envFile?: string;
  readonly json?: boolean;
}

/** Flags of a command that uses the credentials of one app. */
export interface AppFlags extends ServerFlags {
  readonly app?: string;
}

const URL_HELP = 'address of the running server (by default this machine, and REVERB_SERVER_PORT)';
const ENV_HELP = "read variables from Laravel's .env; variables that are set already win";

/** Adds the flags of a command for the admin API. */
export const addAdminOptions = (command: Command): Command =>
  addServerOptions(command).option('--token <token>', 'token of its admin API (WAVEHALL_ADMIN_TOKEN)');

/** Adds the flags of a command that shows the live feed. */
export const addLiveOptions = (command: Command): Command =>
  command
    .option('--app <id>', 'only this app')
    .option('--channel <name>', 'only this channel; a * at the end stands for anything')
    .option('--event <name>', 'only this event; a * at the end stands for anything')
    .option('--payload', 'also show the data of events')
    .option('--seconds <seconds>', 'how long; without it, until Ctrl-C');

/** Adds the flags of a command for the HTTP API of an app. */
export const addAppOptions = (command: Command): Command =>
  addServerOptions(command).option('--app <id>', 'the app, when there are several');

/** Adds the flags of every command. */
export const addServerOptions = (command: Command): Command =>
  command
    .option('--url <url>', URL_HELP)
    .option('--env-file <file>', ENV_HELP)
    .option('--json', 'print JSON, as without a terminal');

/** Reads the variables of the environment, and those of the file. Throws a `ConfigError` with each invalid line. */
export function variablesOf({ envFile }: Pick<ServerFlags, 'envFile'>): Variables {
  const file = envFile === undefined ? {} : readEnvFile(envFile, process.env);
  return { ...file, ...process.env };
}

/** Admin API of the server that these variables configure, unless a flag names another. */
export function adminAddress(flags: ServerFlags): AdminAddress {
  const variables = variablesOf(flags);
  return {
    url: flags.url ?? localAdminUrl(variables),
    token: flags.token ?? variables.WAVEHALL_ADMIN_TOKEN,
  };
}

/** HTTP API of one app, with the apps and secrets that `wavehall start` would read. Throws a `ConfigError`. */
export async function appAddress(flags: AppFlags): Promise<AppAddress> {
  const variables = variablesOf(flags);
  const apps = await appsOf(readConfig(variables));
  return { url: flags.url ?? localAdminUrl(variables), app: chosenApp(apps, flags.app) };
}

/** The apps of a configuration; those of a database are read once. */
export async function appsOf({
  apps,
  appsDatabase,
}: Pick<Config, 'apps' | 'appsDatabase'>): Promise<readonly App[]> {
  if (appsDatabase === undefined) return apps;
  return (await import('../../apps/sql/watch.ts')).readAppsOnce(appsDatabase);
}

function chosenApp(apps: readonly App[], id: string | undefined): App {
  const ids = apps.map((each) => each.id).join(', ');
  const [first, second] = apps;
  const app = id === undefined ? first : apps.find((each) => each.id === id);
  if (app === undefined) throw new Error(`--app ${id ?? ''}: expected one of ${ids}`);
  if (id === undefined && second !== undefined) throw new Error(`--app: expected one of ${ids}`);
  return app;
}
