import { readFileSync } from 'node:fs';
import type { Cluster, Redis } from 'ioredis';
import { Unavailable } from '../../core/ports.ts';

const NAMES = [
  'attach',
  'beat',
  'assert',
  'bury',
  'publish',
  'order',
  'clock',
  'ran',
  'since',
  'snapshot',
  'channels',
  'connect',
  'permissions',
  'server',
  'identify',
  'verify',
  'quieten',
  'orphans',
  'replay',
] as const;

export type ScriptName = (typeof NAMES)[number];
export type Client = Redis | Cluster;

type Command = (this: Client, keys: number, ...rest: (string | number | Buffer)[]) => Promise<unknown>;

/** Event of a client: what Redis or the link said against a script. */
export const SCRIPT_FAILED = 'wavehall:failed';

/** Makes the scripts known to a client: each is sent by its hash, and whole when the server does not know it. */
export function defineScripts(client: Client): void {
  for (const name of NAMES) {
    const lua = readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8');
    client.defineCommand(commandOf(name), { lua });
  }
}

/** Runs one script. Rejects with `Unavailable` whatever went wrong: whether it ran is not known then. */
export async function run(
  client: Client,
  name: ScriptName,
  keys: readonly string[],
  args: readonly (string | number)[],
  reply: 'text' | 'bytes' = 'text',
): Promise<unknown> {
  const command = (client as unknown as Record<string, Command>)[
    commandOf(name) + (reply === 'bytes' ? 'Buffer' : '')
  ];
  if (command === undefined) throw new Unavailable(`No script ${name}.`);
  try {
    return await command.call(client, keys.length, ...keys, ...args);
  } catch (error) {
    client.emit(SCRIPT_FAILED, error);
    throw new Unavailable(`Redis: ${(error as Error).message}`, { cause: error });
  }
}

const commandOf = (name: ScriptName): string => `wavehall_${name}`;
