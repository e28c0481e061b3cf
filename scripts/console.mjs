// Builds the page of the console, unless the built one is newer than all of its sources.
import { readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const sources = new URL('../console', import.meta.url);
const built = new URL('../dist/console/index.html', import.meta.url);

const newest = Math.max(
  ...['../package-lock.json', './console.mjs'].map(
    (file) => statSync(new URL(file, import.meta.url)).mtimeMs,
  ),
  ...readdirSync(sources, { recursive: true }).map(
    (file) => statSync(new URL(`console/${file}`, new URL('..', import.meta.url))).mtimeMs,
  ),
);
const builtMs = statSync(built, { throwIfNoEntry: false })?.mtimeMs ?? 0;

// Whatever the environment is: a build for development names folders of the machine.
process.env.NODE_ENV = 'production';
if (builtMs <= newest)
  await build({
    configFile: fileURLToPath(new URL('../console/vite.config.ts', import.meta.url)),
    logLevel: 'warn',
  });
