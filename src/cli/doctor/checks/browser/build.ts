import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { addressOf, isPusherLike } from '../../browser/public-address.ts';
import type { EchoOptions } from '../../browser/echo-options.ts';
import type { Context } from '../../context.ts';
import type { LaravelApp } from '../../laravel/app.ts';
import { type Finding, ok, problem, skipped } from '../../report/finding.ts';
import { BUILD } from '../fixes.ts';

/** Checks that the built assets have the values of today. */
export function checkBuild({ laravel }: Context): Finding[] {
  if (laravel === undefined) return [skipped('built-assets', 'no Laravel app was given (--laravel)')];
  const { build, folder, env } = laravel;
  const hot = join(folder, 'public/hot');
  if (existsSync(hot)) {
    return /^prod/i.test(env.values.APP_ENV ?? '')
      ? [problem('build-hot-file', `${hot} is there, although APP_ENV is production`, { run: `rm ${hot}` })]
      : [skipped('built-assets', `the development server of Vite serves them (${hot})`)];
  }
  if (build !== undefined) return compare(laravel, build);
  const usesVite = ['vite.config.js', 'vite.config.ts', 'vite.config.mjs'].some((name) =>
    existsSync(join(folder, name)),
  );
  return usesVite && laravel.echo.length > 0
    ? [problem('build-missing', `${folder}/public/build/manifest.json is not there`, { run: BUILD })]
    : [skipped('built-assets', 'the app has no assets that Vite builds')];
}

function compare(laravel: LaravelApp, build: NonNullable<LaravelApp['build']>): Finding[] {
  const setup = laravel.echo.find(({ options }) => isPusherLike(options.broadcaster));
  const baked = build.echo.filter(({ broadcaster }) => isPusherLike(broadcaster));
  if (setup === undefined || baked.length === 0) return stale(laravel, build, setup?.file);
  // Packages that are built in have tables of defaults for other broadcasters.
  const own = baked.filter(({ broadcaster }) => broadcaster === setup.options.broadcaster);
  const found = (own.length > 0 ? own : baked).map((each) =>
    differences(each, setup.options, build.manifest),
  );
  const best = found.toSorted((one, other) => one.length - other.length)[0] ?? [];
  return best.length > 0 ? best : [ok('built-assets', `${build.manifest} has the values of .env`)];
}

function differences(baked: EchoOptions, now: EchoOptions, manifest: string): Finding[] {
  const found: Finding[] = [];
  if (isKnown('key', baked, now) && baked.key !== now.key)
    found.push(
      problem(
        'build-key-mismatch',
        `${manifest}: the key is "${baked.key ?? ''}", and would be "${now.key ?? ''}" now`,
        { run: BUILD },
      ),
    );
  const [then, today] = [addressOf(baked), addressOf(now)].map((url) => url?.href.replace(/^http/, 'ws'));
  const isComparable = ['wsHost', 'wsPort', 'wssPort', 'forceTLS', 'wsPath'].every((name) =>
    isKnown(name, baked, now),
  );
  if (isComparable && then !== today)
    found.push(
      problem(
        'build-address-mismatch',
        `${manifest}: the address is ${then ?? 'none'}, and would be ${today ?? 'none'} now`,
        { run: BUILD },
      ),
    );
  return found;
}

const isKnown = (name: string, ...all: readonly EchoOptions[]): boolean =>
  all.every(({ unknown }) => !unknown.has(name));

/** Without values to compare, only the times of the files tell. */
function stale(
  { env }: LaravelApp,
  build: NonNullable<LaravelApp['build']>,
  echoFile: string | undefined,
): Finding[] {
  const sources = echoFile === undefined ? [] : [env.file, echoFile];
  const newer = sources.find((file) => statSync(file).mtimeMs > build.builtAtMs);
  return newer === undefined
    ? [skipped('built-assets', `${build.manifest} has no options of Echo that can be read`)]
    : [problem('build-stale', `${build.manifest} is older than ${newer}`, { run: BUILD })];
}
