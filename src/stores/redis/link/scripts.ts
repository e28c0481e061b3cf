import { readFileSync } from 'node:fs';
import type { Cluster, Redis } from 'ioredis';
import { Unavailable } from '../../../core/ports/failures.ts';
import { type KeyKind, kindsOf } from './key-repair.ts';
import { isScriptFault } from './errors.ts';
import { SCRIPTS, type ScriptName } from './script-names.ts';

export type Client = Redis | Cluster;

type Command = (this: Client, keys: number, ...rest: (string | number | Buffer)[]) => Promise<unknown>;

/** Event of a client: what Redis or the link said against a script. */
export const SCRIPT_FAILED = 'wavehall:failed';

/** Event of a client: a key held what nobody of ours wrote, and is rid of it. */
export const KEY_MENDED = 'wavehall:mended';

/** Event of a client: keys of a channel do not agree with each other. */
export const KEY_DAMAGED = 'wavehall:damaged';

/** Makes the scripts known to a client: each is sent by its hash, and whole when the server does not know it. */
export function defineScripts(client: Client): void {
  for (const name of SCRIPTS) client.defineCommand(commandOf(name), { lua: luaOf(name) });
}

/** The whole text of a script: the head that it shares with others, if any, and its own file. */
export function luaOf(name: ScriptName): string {
  const head = headOf(name);
  return (head === undefined ? '' : fileOf(head)) + fileOf(name);
}

/** Scripts that do nothing after their deadline, and scripts that check their keys first. */
function headOf(name: ScriptName): 'deadline' | 'sound' | undefined {
  if (name === 'publish' || name === 'tell') return 'deadline';
  return name === 'mend' || kindsOf(name).length > 0 ? 'sound' : undefined;
}

const fileOf = (name: string): string => readFileSync(new URL(`../lua/${name}.lua`, import.meta.url), 'utf8');

/**
 * Runs one script. What breaks it in its keys is removed, once. Rejects with `Unavailable` whatever went wrong: whether it
 * ran is not known then.
 */
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
  const call = (): Promise<unknown> => command.call(client, keys.length, ...keys, ...args);
  try {
    return await mending(client, keys, kindsOf(name), call);
  } catch (error) {
    client.emit(SCRIPT_FAILED, error);
    throw new Unavailable(`Redis: ${(error as Error).message}`, { cause: error });
  }
}

const commandOf = (name: ScriptName): string => `wavehall_${name}`;

/** Does something with keys of one partition; where what they hold breaks it, they are mended and it is done once more. */
export async function mending<T>(
  client: Client,
  keys: readonly string[],
  kinds: readonly KeyKind[],
  task: () => Promise<T>,
): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (kinds.length === 0 || !isScriptFault(error)) throw error;
    if (!(await mend(client, keys, kinds))) throw error;
    return task();
  }
}

/** True when something was removed. Rejects as the client does. */
export async function mend(
  client: Client,
  keys: readonly string[],
  kinds: readonly KeyKind[],
): Promise<boolean> {
  const command = (client as unknown as Record<string, Command>)[commandOf('mend')];
  const mended = (await command?.call(client, keys.length, ...keys, ...kinds)) as readonly string[];
  for (const key of mended) client.emit(KEY_MENDED, key);
  return mended.length > 0;
}
