/** The files of examples/deploy, with the paths and ports of a test in place of the printed ones. */
import { readFileSync } from 'node:fs';
import { drainTimes } from '../../../src/config/clients/drain.ts';
import type { Config } from '../../../src/config/index.ts';
import { MAIN } from '../../cli/command.ts';
import { root } from '../dockerfile.ts';

/** Most seconds from the signal until all clients are closed; the last answers follow. */
export const longestStopSeconds = (config: Config): number => {
  const { delayMs, mostMs, returnMs } = drainTimes(config);
  return (delayMs + mostMs + returnMs) / 1000;
};

export const DEPLOY = `${root}examples/deploy/`;
/** Paths that the files print. */
const PRINTED_NODE = '/usr/bin/node';
const PRINTED_MAIN = '/opt/wavehall/dist/src/cli/main.js';

export const deployFile = (name: string): string => readFileSync(DEPLOY + name, 'utf8');

/** Replaces each printed text; throws if the file does not have it. */
export function withReplaced(text: string, pairs: Readonly<Record<string, string>>): string {
  let replaced = text;
  for (const [printed, here] of Object.entries(pairs)) {
    if (!replaced.includes(printed)) throw new Error(`the file does not have ${printed}`);
    replaced = replaced.replaceAll(printed, here);
  }
  return replaced;
}

/** Replaces the paths of Node and of the server. */
export const withPaths = (text: string): string =>
  text.replaceAll(PRINTED_NODE, process.execPath).replaceAll(PRINTED_MAIN, MAIN);
