import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isJsonObject } from '#protocol';
import { type EchoOptions, echoOptionsIn } from './echo-options.ts';
import { UNKNOWN } from './expression.ts';
import { readJson, readStart } from './scripts.ts';

const MAX_BUNDLE_BYTES = 8 * 1024 * 1024;
const MAX_BUNDLES = 300;

/** The assets that browsers load. */
export interface Build {
  readonly manifest: string;
  readonly builtAtMs: number;
  /** Options of Echo in the bundles: the values that browsers use. */
  readonly echo: readonly EchoOptions[];
  /** Bundles that contain a text. */
  readonly filesWith: (text: string) => readonly string[];
}

const MANIFESTS = [
  'public/build/manifest.json',
  'public/build/.vite/manifest.json',
  'public/mix-manifest.json',
];

/** Reads the bundles that the manifest of Vite or Mix names; `undefined` when nothing is built. */
export function readBuild(folder: string): Build | undefined {
  const name = MANIFESTS.find((each) => existsSync(join(folder, each)));
  if (name === undefined) return undefined;
  const manifest = join(folder, name);
  const bundles = bundlesOf(readJson(manifest), name)
    .slice(0, MAX_BUNDLES)
    .map((file) => ({
      file: join(folder, file),
      text: readStart(join(folder, file), MAX_BUNDLE_BYTES) ?? '',
    }));
  return {
    manifest,
    builtAtMs: statSync(manifest).mtimeMs,
    echo: bundles.flatMap(({ text }) => echoOptionsIn(text, () => UNKNOWN)),
    filesWith: (text) => bundles.filter((each) => each.text.includes(text)).map(({ file }) => file),
  };
}

/** Scripts in a manifest. A path that leaves public/ is left out. */
function bundlesOf(manifest: unknown, name: string): string[] {
  if (!isJsonObject(manifest)) return [];
  const isMix = name.includes('mix');
  const files = Object.values(manifest).map((entry) =>
    isMix ? entry : isJsonObject(entry) ? entry.file : undefined,
  );
  const scripts = files
    .filter((file): file is string => typeof file === 'string')
    .map((file) => file.replace(/\?.*$/, ''))
    .filter((file) => /\.m?js$/.test(file) && !file.split('/').includes('..'));
  return [...new Set(scripts)].map((file) => join('public', isMix ? '' : 'build', file));
}
