import { parseJsonObject } from '#protocol';
import type { DeadLetter, OutboxEntry } from '../../../core/ports/webhooks.ts';
import type { WebhookWishes } from '../../../core/ports/webhook-wishes.ts';
import type { Keys } from '../keys.ts';
import { orUnavailable } from '../link/errors.ts';
import type { Links } from '../link/links.ts';
import { runScript } from '../link/scripts.ts';
import type { Deliveries } from './deliveries.ts';
import { byPartition, decodeRecord, encodeRecord, entryId, placeOf, timeOf } from './entries.ts';
import { shareOf } from './transition-sink.ts';

interface DeadLettersDeps {
  readonly links: Links;
  readonly keys: Keys;
  readonly wishes: WebhookWishes;
  readonly deliveries: Deliveries;
}

/** Deliveries that were given up, bounded by number and age. */
export class DeadLetters {
  readonly #deps: DeadLettersDeps;

  constructor(deps: DeadLettersDeps) {
    this.#deps = deps;
  }

  async bury(endpoint: string, entry: OutboxEntry, reason: string): Promise<void> {
    const { keys, wishes, deliveries } = this.#deps;
    const place = placeOf(entry.id, keys.partitions);
    if (place === undefined) return;
    const { partition, streamId } = place;
    const letter = JSON.stringify({ endpoint, reason, record: encodeRecord(entry, entry.timeMs) });
    const most = shareOf(wishes.maxDead, keys.partitions);
    await deliveries.finish(partition, endpoint, ['dead', streamId, letter, most], [streamId]);
  }

  async list(most: number): Promise<DeadLetter[]> {
    const partitions = Array.from({ length: this.#deps.keys.partitions }, (_, at) => at);
    const letters = await Promise.all(partitions.map((partition) => this.#read(partition, most)));
    return letters
      .flat()
      .sort((a, b) => b.diedAtMs - a.diedAtMs)
      .slice(0, most);
  }

  /** Resolves with the number of letters that were taken back, and the partitions in which they are. */
  async replay(ids: readonly string[]): Promise<{ readonly found: number; readonly partitions: number[] }> {
    const { links, keys, wishes } = this.#deps;
    const groups = [...byPartition(ids, keys.partitions)];
    const most = shareOf(wishes.maxWaiting, keys.partitions);
    const counts = await Promise.all(
      groups.map(([partition, streamIds]) => {
        const { stream, attempts, dead } = keys.outbox(partition);
        const args = [most, ...streamIds];
        return runScript(links.commands, 'replay-events', [stream, attempts, dead], args) as Promise<number>;
      }),
    );
    const found = counts.reduce((sum, count) => sum + count, 0);
    return { found, partitions: groups.map(([partition]) => partition) };
  }

  async #read(partition: number, most: number): Promise<DeadLetter[]> {
    const { links, keys, wishes } = this.#deps;
    const since = Date.now() - wishes.deadTtlMs;
    const found = await orUnavailable(
      links.commands.xrevrange(keys.outbox(partition).dead, '+', '-', 'COUNT', most),
    );
    return found
      .filter(([streamId]) => timeOf(streamId) >= since)
      .flatMap(([streamId, [, text = '']]) => decodeLetter({ partition, streamId }, text) ?? []);
  }
}

function decodeLetter(place: { partition: number; streamId: string }, text: string): DeadLetter | undefined {
  const { endpoint, reason, record } = parseJsonObject(text) ?? {};
  if (typeof endpoint !== 'string' || typeof reason !== 'string' || typeof record !== 'string')
    return undefined;
  const diedAtMs = timeOf(place.streamId);
  const entry = decodeRecord(record, diedAtMs);
  return entry && { id: entryId(place), endpoint, entry, reason, diedAtMs };
}
