/** The files of examples/deploy, with the paths and ports of a test in place of the printed ones. */
import { readFileSync } from 'node:fs';
import { MAIN } from '../../cli/command.ts';
import { root } from '../dockerfile.ts';

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
