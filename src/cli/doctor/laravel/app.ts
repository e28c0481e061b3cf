import { existsSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { parseUrl } from '../../../core/util/url.ts';
import { ConfigError, textIn, type Variables } from '../../../settings/settings.ts';
import { type Build, readBuild } from '../browser/build.ts';
import { type EchoSetup, findEcho, namesOf } from '../browser/echo-files.ts';
import { viteVariables } from '../browser/vite-env.ts';
import { CONFIG_SCRIPT } from './config-script.ts';
import { type EnvFile, envFileOf, readEnv } from './env.ts';
import { type PhpOutcome, runPhp } from './php.ts';
import { assumedSnapshot, CONFIG_NAMES, objectOf, type Snapshot, snapshotOf } from './snapshot.ts';

/** How far the configuration of the app could be read. */
export interface ConfigReading {
  /** From config/, or from the names that Laravel itself uses when PHP is not there. */
  readonly fresh: Snapshot;
  /** From bootstrap/cache/config.php; `undefined`: there is no such file, or it cannot be read. */
  readonly cached: Snapshot | undefined;
  readonly php: PhpOutcome['kind'];
  /** Files that could not be read. */
  readonly failed: readonly string[];
}

/** A Laravel app, as its files describe it. */
export interface LaravelApp extends ConfigReading {
  readonly folder: string;
  readonly env: EnvFile;
  /** The snapshot that Laravel uses. */
  readonly used: Snapshot;
  readonly cacheFile: string | undefined;
  readonly appUrl: URL | undefined;
  readonly vite: Variables;
  readonly echo: readonly EchoSetup[];
  readonly build: Build | undefined;
}

/** Reads a Laravel app without starting it. Throws a `ConfigError` when the folder is none, or its .env cannot be read. */
export async function readLaravelApp(
  folder: string,
  outer: Variables,
  phpTimeoutMs: number,
): Promise<LaravelApp> {
  checkFolder(folder);
  const env = readEnv(envFileOf(folder, outer), outer);
  const cacheFile = cacheFileOf(folder, env.values);
  const reading = await readConfigFiles(folder, env.values, cacheFile, phpTimeoutMs);
  const appUrl = parseUrl(textIn(env.values, 'APP_URL') ?? '');
  const vite = viteVariables(folder, env.values, outer);
  return {
    ...reading,
    folder,
    env,
    used: reading.cached ?? reading.fresh,
    cacheFile,
    appUrl,
    vite,
    echo: findEcho(folder, namesOf(vite, appUrl)),
    build: readBuild(folder),
  };
}

function checkFolder(folder: string): void {
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (stats?.isDirectory() !== true)
    throw new ConfigError([`--laravel ${folder}: expected the folder of a Laravel app, and it is no folder`]);
  if (!existsSync(join(folder, 'artisan')))
    throw new ConfigError([
      `--laravel ${folder}: expected the folder of a Laravel app, with the file artisan`,
    ]);
}

function cacheFileOf(folder: string, variables: Variables): string | undefined {
  const named = textIn(variables, 'APP_CONFIG_CACHE') ?? 'bootstrap/cache/config.php';
  const file = isAbsolute(named) ? named : join(folder, named);
  return existsSync(file) ? file : undefined;
}

async function readConfigFiles(
  folder: string,
  env: Variables,
  cache: string | undefined,
  timeoutMs: number,
): Promise<ConfigReading> {
  const input = { folder, env, names: CONFIG_NAMES, cache: cache ?? '' };
  const outcome = await runPhp(CONFIG_SCRIPT, input, timeoutMs);
  const { files, cached, failed } = outcome.kind === 'answer' ? objectOf(outcome.value) : {};
  return {
    fresh: snapshotOf(files) ?? assumedSnapshot(env),
    cached: snapshotOf(cached),
    php: outcome.kind,
    failed: Array.isArray(failed) ? failed.map(String) : [],
  };
}
