import { Unavailable } from '../../../core/ports/failures.ts';
import type { OutboxEntry } from '../../../core/ports/webhooks.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import { runScript } from '../link/scripts.ts';
import { byPartition, entryId, type EntryDecoder, placeOf, timeOf } from './entries.ts';
import type { OwnedPartitions, PartitionState } from './owned-partitions.ts';

interface DeliveriesDeps {
  readonly links: Links;
  readonly keys: Keys;
  readonly partitions: OwnedPartitions;
  readonly decoder: EntryDecoder;
}

type TakeAnswer = [
  continueAt: string,
  read: number,
  events: (readonly [id: string, attempts: number, fields: readonly string[]])[],
];

/** Gives out the entries of the partitions that this node owns, and ends their deliveries. */
export class Deliveries {
  readonly #deps: DeliveriesDeps;

  constructor(deps: DeliveriesDeps) {
    this.#deps = deps;
  }

  async take(endpoint: string, most: number): Promise<OutboxEntry[]> {
    const { links, partitions } = this.#deps;
    if (!links.isUp) throw new Unavailable('Redis is unavailable.');
    const taken: OutboxEntry[] = [];
    for (const state of partitions.withNews(endpoint)) {
      try {
        await this.#takeFrom(state, endpoint, most, taken);
      } catch (error) {
        // What was taken before would be lost for this node with the error.
        if (taken.length === 0) throw error;
        break;
      }
    }
    return taken;
  }

  async done(endpoint: string, ids: readonly string[]): Promise<void> {
    const groups = [...byPartition(ids, this.#deps.keys.partitions)];
    await Promise.all(
      groups.map(([partition, streamIds]) =>
        this.finish(partition, endpoint, ['done', ...streamIds], streamIds),
      ),
    );
  }

  async failed(endpoint: string, id: string, attempts: number): Promise<void> {
    const place = placeOf(id, this.#deps.keys.partitions);
    if (place !== undefined)
      await this.finish(place.partition, endpoint, ['failed', place.streamId, attempts], []);
  }

  /** Runs `finish-events.lua`; then these are no longer with this node. */
  async finish(
    partition: number,
    endpoint: string,
    args: readonly (string | number)[],
    finished: readonly string[],
  ): Promise<void> {
    const { links, keys, partitions } = this.#deps;
    const { stream, attempts, dead } = keys.outbox(partition);
    await runScript(links.commands, 'finish-events', [stream, attempts, dead], [endpoint, ...args]);
    for (const id of finished) partitions.state(partition)?.taken.delete(`${endpoint} ${id}`);
  }

  /** First takes over what other nodes did not finish: it is older. */
  async #takeFrom(
    state: PartitionState,
    endpoint: string,
    most: number,
    taken: OutboxEntry[],
  ): Promise<void> {
    while (taken.length < most && (state.takeOver.has(endpoint) || state.news.has(endpoint))) {
      const from = state.takeOver.get(endpoint) ?? '';
      const asked = most - taken.length;
      const [continueAt, read, events] = await this.#ask(state, endpoint, asked, from);
      if (from !== '') {
        if (continueAt === '') state.takeOver.delete(endpoint);
        else state.takeOver.set(endpoint, continueAt);
        state.news.add(endpoint);
      } else if (read < asked) state.news.delete(endpoint);
      taken.push(...this.#entries(state, endpoint, events));
    }
  }

  /** After a lost answer, this node has entries that it does not know: it takes them over from itself. */
  async #ask(state: PartitionState, endpoint: string, most: number, from: string): Promise<TakeAnswer> {
    const { links, keys, partitions } = this.#deps;
    const { stream, attempts, owner } = keys.outbox(state.partition);
    try {
      const args = [endpoint, partitions.id, most, from];
      return (await runScript(links.commands, 'take-events', [stream, attempts, owner], args)) as TakeAnswer;
    } catch (error) {
      state.takeOver.set(endpoint, '0-0');
      throw error;
    }
  }

  #entries(state: PartitionState, endpoint: string, events: TakeAnswer[2]): OutboxEntry[] {
    const entries: OutboxEntry[] = [];
    const unreadable: string[] = [];
    for (const [streamId, attempts, fields] of events) {
      const mark = `${endpoint} ${streamId}`;
      if (state.taken.has(mark)) continue;
      const record = this.#deps.decoder.decode(streamId, fields);
      const id = entryId({ partition: state.partition, streamId });
      if (record === undefined) unreadable.push(id);
      else {
        state.taken.add(mark);
        entries.push({ ...record, id, attempts, queuedAtMs: timeOf(streamId) });
      }
    }
    if (unreadable.length > 0) this.done(endpoint, unreadable).catch(() => undefined);
    return entries;
  }
}
