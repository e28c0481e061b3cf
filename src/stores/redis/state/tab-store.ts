import type { TabRecord, TabRef, TabStore } from '../../../core/ports/tab-store.ts';
import type { Keys } from '../keys.ts';
import { orUnavailable } from '../link/errors.ts';
import type { Links } from '../link/links.ts';
import { KEY_REPAIRED, type RedisClient, withRepair } from '../link/scripts.ts';
import { decodeTabRecord, encodeTabRecord } from './tab-record.ts';

/** Keeps the records of a tab in one hash, a field for each socket, which expires with the last write. */
export class RedisTabStore implements TabStore {
  readonly outlivesProcess = true;
  readonly #links: Links;
  readonly #keys: Keys;

  constructor(links: Links, keys: Keys) {
    this.#links = links;
    this.#keys = keys;
  }

  async read(ref: TabRef): Promise<readonly TabRecord[]> {
    const stored = await this.#run(ref, (client, key) => client.hgetall(key));
    const records: TabRecord[] = [];
    const invalid: string[] = [];
    for (const [socketId, text] of Object.entries(stored)) {
      const record = decodeTabRecord(socketId, text);
      if (record === undefined) invalid.push(socketId);
      else records.push(record);
    }
    if (invalid.length > 0) await this.#removeInvalid(ref, invalid);
    return records;
  }

  async write(ref: TabRef, record: TabRecord, ttlMs: number): Promise<void> {
    const text = encodeTabRecord(record);
    await this.#run(ref, async (client, key) => {
      const [written] =
        (await client.pipeline().hset(key, record.socketId, text).pexpire(key, ttlMs).exec()) ?? [];
      if (written?.[0]) throw written[0];
    });
  }

  async remove(ref: TabRef, socketIds: readonly string[]): Promise<void> {
    await this.#run(ref, (client, key) => client.hdel(key, ...socketIds));
  }

  async #removeInvalid(ref: TabRef, socketIds: readonly string[]): Promise<void> {
    await this.remove(ref, socketIds);
    this.#links.commands.emit(KEY_REPAIRED, this.#keys.tab(ref.app, ref.tab));
  }

  #run<T>({ app, tab }: TabRef, task: (client: RedisClient, key: string) => Promise<T>): Promise<T> {
    const { commands } = this.#links;
    const key = this.#keys.tab(app, tab);
    return orUnavailable(withRepair(commands, [key], ['hash'], () => task(commands, key)));
  }
}
