import type { Credential } from '#protocol';
import { type DatabaseFailure, failureOf } from '../../apps/sql/failure.ts';
import type { AppsDatabase } from '../../apps/sql/options.ts';
import type { ReadTable } from '../../apps/sql/rows/table.ts';
import type { App } from '../../core/app.ts';
import { type Config, readConfig } from '../../config/index.ts';
import { ConfigError, type Variables } from '../../settings/settings.ts';
import { addressFrom, isPusherLike, type PublicAddress, publicAddress } from './browser/public-address.ts';
import { type LaravelApp, readLaravelApp } from './laravel/app.ts';
import { type EnvFile, readEnv } from './laravel/env.ts';
import { assumedSnapshot, type BroadcastSettings } from './laravel/snapshot.ts';
import { Network, type NetworkOptions } from './network/network.ts';
import { parseUrl } from '../../core/util/url.ts';
import { localHost } from '../../net/address.ts';

/** Settings that `wavehall start` would use. */
export interface ServerSide {
  /** `undefined`: the settings are refused, for these reasons. */
  readonly config: Config | undefined;
  readonly problems: readonly string[];
  /** `undefined`: the settings are refused, or the database of the apps cannot be read. */
  readonly apps: readonly App[] | undefined;
  /** `undefined`: the apps are in no database. */
  readonly database: DatabaseSide | undefined;
}

/** The database of the apps, and its table or the reason why that cannot be read. */
export type DatabaseSide = { readonly options: AppsDatabase } & (
  | { readonly table: ReadTable; readonly failure?: undefined }
  | { readonly table?: undefined; readonly failure: DatabaseFailure }
);

export interface DoctorOptions {
  /** Folder of the Laravel app. */
  readonly laravel?: string | undefined;
  /** File that `wavehall start` reads; else the app's own. */
  readonly envFile?: string | undefined;
  /** Public address of the server. */
  readonly url?: string | undefined;
  /** Limit of each step over the network; PHP has at least 10 s. */
  readonly timeoutMs: number;
  /** Time for which a connection is kept silent; 0: not tried. */
  readonly waitMs: number;
  /** The environment of this process. */
  readonly variables: Variables;
  /** Number of files that a process may have open, by its id. */
  readonly openFiles: (process: string) => number | undefined;
}

/** All that the checks know. */
export interface Context {
  readonly options: DoctorOptions;
  readonly laravel: LaravelApp | undefined;
  /** File of the server's variables, if there is one. */
  readonly serverEnv: EnvFile | undefined;
  readonly server: ServerSide;
  /** Where and with what Laravel publishes; `undefined` when it uses no server of this protocol. */
  readonly broadcast: BroadcastSettings | undefined;
  readonly network: Network;
}

/** PHP is on this machine: only a busy machine makes it slow. */
const PHP_TIMEOUT_MS = 10_000;

/** Reads all files. Throws a `ConfigError` when what was given cannot be used. */
export async function openContext(options: DoctorOptions): Promise<Context> {
  const { variables } = options;
  const given = options.url === undefined ? undefined : publicUrl(options.url);
  const laravel =
    options.laravel === undefined
      ? undefined
      : await readLaravelApp(options.laravel, variables, Math.max(options.timeoutMs, PHP_TIMEOUT_MS));
  const serverEnv = options.envFile === undefined ? laravel?.env : readEnv(options.envFile, variables);
  const server = await readServerSide(serverEnv?.values ?? variables, options.timeoutMs);
  const broadcast = broadcastOf(laravel, serverEnv?.values ?? variables);
  const files = { options, laravel, serverEnv, server, broadcast };
  return { ...files, network: new Network(networkOptions(files, given)) };
}

/** Addresses and credentials of the legs of an event. */
function networkOptions(files: Omit<Context, 'network'>, given: URL | undefined): NetworkOptions {
  const { laravel, server, broadcast, options } = files;
  const local = localAddress(server);
  const publish = publishAddress(broadcast) ?? (laravel === undefined ? local : undefined);
  const credential = credentialOf(files);
  const browser = browserSide(laravel, { url: publish ?? local, key: credential.key });
  return {
    local,
    publish,
    public: given ?? browser.url,
    appId: broadcast?.appId || (server.apps?.[0]?.id ?? ''),
    credential,
    browserKey: browser.key ?? '',
    origin: laravel?.appUrl?.origin,
    timeoutMs: options.timeoutMs,
  };
}

/** Address and key of browsers. Without an Echo that can be read they are those of Laravel. */
function browserSide(laravel: LaravelApp | undefined, usual: PublicAddress): PublicAddress {
  if (laravel === undefined) return usual;
  const { url, key } = publicAddress(laravel);
  return laravel.echo.length > 0 ? { url, key } : { url: url ?? usual.url, key: key ?? usual.key };
}

/** The credentials of Laravel, else those of the server's first app. */
function credentialOf({ server, broadcast }: Pick<Context, 'server' | 'broadcast'>): Credential {
  if (broadcast !== undefined && broadcast.key !== '')
    return { key: broadcast.key, secret: broadcast.secret };
  return server.apps?.[0]?.credentials[0] ?? { key: '', secret: '' };
}

function publicUrl(text: string): URL {
  const url = parseUrl(text);
  if (
    url === undefined ||
    !/^(?:wss?|https?):$/.test(url.protocol) ||
    url.username !== '' ||
    url.password !== ''
  )
    throw new ConfigError([
      `--url ${JSON.stringify(text.replace(/\/\/[^/@]*@/, '//'))}: expected an address such as wss://ws.example.com, without a user`,
    ]);
  const web = new URL(url.href.replace(/^ws/, 'http'));
  // The path of an app belongs to no prefix.
  web.pathname = web.pathname.replace(/\/app\/[^/]*\/?$/, '');
  web.search = '';
  return web;
}

/** Without an app, the settings are those that the file of the server has for Laravel. */
function broadcastOf(laravel: LaravelApp | undefined, variables: Variables): BroadcastSettings | undefined {
  if (laravel !== undefined)
    return isPusherLike(laravel.used.broadcast.driver) ? laravel.used.broadcast : undefined;
  const { broadcast } = assumedSnapshot({ BROADCAST_CONNECTION: 'reverb', ...variables });
  return broadcast.host === '' || !isPusherLike(broadcast.driver) ? undefined : broadcast;
}

export const isPusherCloud = (host: string): boolean => /(?:^|\.)pusher(?:app)?\.com$/i.test(host);

function publishAddress(broadcast: BroadcastSettings | undefined): URL | undefined {
  if (broadcast === undefined || isPusherCloud(broadcast.host)) return undefined;
  const { scheme, host, port, path } = broadcast;
  return /^https?$/.test(scheme) ? addressFrom(scheme, host, port, path) : undefined;
}

async function readServerSide(variables: Variables, timeoutMs: number): Promise<ServerSide> {
  try {
    const config = readConfig(variables);
    const database = await readDatabase(config, timeoutMs);
    const apps = database === undefined ? config.apps : database.table?.apps;
    return { config, apps, database, problems: [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { config: undefined, apps: undefined, database: undefined, problems: error.problems };
  }
}

/** Reads the table of the apps, if they are in a database. The code for it is loaded only then. */
async function readDatabase(
  { appsDatabase }: Pick<Config, 'appsDatabase'>,
  timeoutMs: number,
): Promise<DatabaseSide | undefined> {
  if (appsDatabase === undefined) return undefined;
  const options = { ...appsDatabase, timeoutMs };
  const { readTableOnce } = await import('../../apps/sql/watch.ts');
  try {
    return { options, table: await readTableOnce(options) };
  } catch (error) {
    return { options, failure: failureOf(error, options) };
  }
}

/** Address of the server on this machine. */
function localAddress({ config }: ServerSide): URL | undefined {
  if (config === undefined || config.port === 0) return undefined;
  const scheme = config.tls.localCert === undefined ? 'http' : 'https';
  return addressFrom(scheme, localHost(config.host), String(config.port), config.path);
}
