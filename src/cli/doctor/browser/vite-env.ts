import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadDotenv } from '../../../config/dotenv/load.ts';
import type { Variables } from '../../../settings/settings.ts';

/** Files that `npm run build` reads after .env; later ones win. */
const FILES = ['.env.local', '.env.production', '.env.production.local'];

/** Values that Vite puts into the assets: those of .env and of its other files. Variables that are set already win. */
export function viteVariables(folder: string, env: Variables, outer: Variables): Variables {
  const others = FILES.map((name) => readVariables(join(folder, name), env));
  const set = Object.fromEntries(Object.entries(outer).filter(([name]) => /^(?:VITE|MIX)_/.test(name)));
  const own = Object.entries(env).map(([name, value]) => [name, withReferences(value ?? '', env)] as const);
  return Object.assign(Object.fromEntries(own), ...others, set) as Variables;
}

/** The entries of a file; none when there is no such file. References may name variables of .env. */
function readVariables(file: string, env: Variables): Record<string, string> {
  try {
    const own = loadDotenv(readFileSync(file), {});
    return Object.fromEntries(
      [...own].map(([name, value]) => [
        name,
        withReferences(value ?? '', { ...env, ...Object.fromEntries(own) }),
      ]),
    );
  } catch {
    return {};
  }
}

/** Vite replaces references whatever the order of the lines; Laravel only those to lines above. */
const withReferences = (text: string, variables: Variables): string =>
  text.replace(/\$\{([\w.]+)\}/g, (whole, name: string) => variables[name] ?? whole);
