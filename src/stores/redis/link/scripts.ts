import { readFileSync } from 'node:fs';
import type { Cluster, Redis } from 'ioredis';
import { Unavailable } from '../../../core/ports/failures.ts';
import { type KeyKind, kindsOf } from './key-repair.ts';
import { isScriptFault } from './errors.ts';
import { SCRIPT_NAMES, SCRIPTS, type ScriptName } from './script-names.ts';

export type RedisClient = Redis | Cluster;

type Command = (this: RedisClient, keys: number, ...rest: (string | number | Buffer)[]) => Promise<unknown>;

/** Event of a client: a script failed. */
export const SCRIPT_FAILED = 'wavehall:failed';

/** Event of a client: invalid data was removed from a key. */
export const KEY_REPAIRED = 'wavehall:repaired';

/** Event of a client: the keys of a channel contradict each other. */
export const CHANNEL_DAMAGED = 'wavehall:damaged';

/** Defines the scripts on a client: each is sent by its hash, and as text when the server does not have it. */
export function defineScripts(client: RedisClient): void {
  for (const name of SCRIPT_NAMES) client.defineCommand(commandOf(name), { lua: luaOf(name) });
}

/** Returns the text of a script: the heads that it shares with others, if any, and its own file. */
export const luaOf = (name: ScriptName): string =>
  [...headsOf(name).map((head) => `shared/${head}`), `${SCRIPTS[name]}/${fileOf(name)}`].map(textOf).join('');

/** `publish-once` is `publish` behind another head. */
const fileOf = (name: ScriptName): string => (name === 'publish-once' ? 'publish' : name);

/** Scripts that write to the outbox of webhooks, or count what is in it. */
const USES_OUTBOX: ReadonlySet<ScriptName> = new Set([
  'sync-channel',
  'clean-up-node',
  'add-events',
  'poll-outbox',
  'replay-events',
  'count-events',
]);

type Head = 'deadline' | 'once' | 'checks' | 'outbox';

/**
 * Returns the shared heads: `deadline` for scripts that do nothing after their deadline, `once` for one that does nothing the second time, `checks` for those that check
 * keys.
 */
function headsOf(name: ScriptName): readonly Head[] {
  if (name === 'publish' || name === 'publish-unkept') return ['deadline'];
  if (name === 'publish-once') return ['deadline', 'once'];
  if (USES_OUTBOX.has(name)) return ['checks', 'outbox'];
  return name === 'repair-keys' || kindsOf(name).length > 0 ? ['checks'] : [];
}

const textOf = (path: string): string => readFileSync(new URL(`../lua/${path}.lua`, import.meta.url), 'utf8');

/**
 * Runs one script. Where invalid data in its keys breaks it, that is removed and the script runs once more. Rejects with
 * `Unavailable` on any failure; whether the script ran is unknown then.
 */
export async function runScript(
  client: RedisClient,
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
    return await withRepair(client, keys, kindsOf(name), call);
  } catch (error) {
    client.emit(SCRIPT_FAILED, error);
    throw new Unavailable(`Redis: ${(error as Error).message}`, { cause: error });
  }
}

const commandOf = (name: ScriptName): string => `wavehall_${name}`;

/** Runs a task on keys of one partition; where invalid data breaks it, repairs the keys and runs it once more. */
export async function withRepair<T>(
  client: RedisClient,
  keys: readonly string[],
  kinds: readonly KeyKind[],
  task: () => Promise<T>,
): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (kinds.length === 0 || !isScriptFault(error)) throw error;
    if (!(await repairKeys(client, keys, kinds))) throw error;
    return task();
  }
}

/** Removes invalid data from keys. True when something was removed. Rejects as the client does. */
export async function repairKeys(
  client: RedisClient,
  keys: readonly string[],
  kinds: readonly KeyKind[],
): Promise<boolean> {
  const command = (client as unknown as Record<string, Command>)[commandOf('repair-keys')];
  const repaired = (await command?.call(client, keys.length, ...keys, ...kinds)) as readonly string[];
  for (const key of repaired) client.emit(KEY_REPAIRED, key);
  return repaired.length > 0;
}
