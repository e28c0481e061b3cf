import type { BridgeLimits } from '../limits.ts';

/** An event on its way to the upstream. */
export interface Forward {
  readonly channel: string;
  readonly name: string;
  readonly data: string;
  /** Socket id of the client that must not receive it. */
  readonly except: string | undefined;
  /** Size of its part of a request. */
  readonly bytes: number;
  readonly atMs: number;
  /** Sent in a request of its own: a batch with this event was refused. */
  alone: boolean;
  /** Times that the connection broke while its request was written. */
  cut: number;
}

/** The fixed part of an item of a batch. */
const ITEM = '{"channel":"","name":"","data":""},';

export const bytesOf = ({ channel, name, data }: Pick<Forward, 'channel' | 'name' | 'data'>): number =>
  ITEM.length +
  channel.length +
  Buffer.byteLength(JSON.stringify(name)) +
  Buffer.byteLength(JSON.stringify(data));

/** SPEC 11.7: how many of the first events go in one request. Reverb fails on a batch that excludes a socket of its own. */
export function batchSize(queue: readonly Forward[], limits: BridgeLimits): number {
  let bytes = 0;
  let count = 0;
  for (const forward of queue) {
    const isAlone = forward.alone || forward.except !== undefined || forward.data === '';
    if (count > 0 && (isAlone || count >= limits.batchEvents || bytes + forward.bytes > limits.batchBytes))
      break;
    count += 1;
    bytes += forward.bytes;
    if (isAlone) break;
  }
  return count;
}

/** The path behind `/apps/{id}` and the body. */
export function requestOf(batch: readonly Forward[]): { readonly path: string; readonly body: string } {
  const items = batch.map(({ channel, name, data, except }) => ({ channel, name, data, socket_id: except }));
  return items.length === 1
    ? { path: '/events', body: JSON.stringify(items[0]) }
    : { path: '/batch_events', body: JSON.stringify({ batch: items }) };
}
