import { createHash } from 'node:crypto';
import type { OutboxEntry } from '../../core/ports/webhooks.ts';
import { channelMapKey } from '../../core/util/channel-map-key.ts';
import { bodyOf } from '../events.ts';

export type Entries = readonly [OutboxEntry, ...OutboxEntry[]];

/** The events of one request. Its body is made once and is the same in every attempt. */
export class Batch {
  readonly entries: Entries;
  readonly body: string;
  readonly delivery: string;
  /** Channels whose later events wait for this batch. */
  readonly keys: ReadonlySet<string>;
  /** Attempts that failed, on this node and on others before. */
  attempts: number;
  /** When it may be sent. */
  notBeforeMs = 0;

  constructor(entries: Entries) {
    this.entries = entries;
    this.body = bodyOf(entries);
    this.delivery = deliveryOf(entries);
    this.keys = new Set(entries.map(({ ref }) => channelMapKey(ref)));
    this.attempts = Math.max(...entries.map(({ attempts }) => attempts));
  }

  get queuedAtMs(): number {
    return this.entries[0].queuedAtMs;
  }
}

/** Id of a delivery: that of its event, or a digest of those of several. */
function deliveryOf([first, ...others]: Entries): string {
  if (others.length === 0) return first.id;
  const digest = createHash('sha256').update([first, ...others].map(({ id }) => id).join('\n'));
  return digest.digest('hex').slice(0, 32);
}
