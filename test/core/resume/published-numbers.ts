import { encode } from '#protocol';
import { type Frame, settled, type TestCore } from '../fakes.ts';

const KEEP = { ttlSeconds: 120, lastSeconds: 0 };

export type PublishArguments = [
  first: number,
  last?: number,
  options?: { channel?: string; except?: string; cached?: boolean; kept?: number },
];

/** Publishes events with the data `first` to `last`. */
export async function publishTo(site: TestCore, ...[first, last = first, options = {}]: PublishArguments) {
  const { channel = 'orders', except, cached = false, kept = 50 } = options;
  for (let number = first; number <= last; number += 1) {
    const payload = encode.event('n', String(number), channel);
    const keep = { ...KEEP, size: kept, lastSeconds: cached ? 600 : 0 };
    await site.stores.broker.publish({ app: 'app-id', channel }, { payload, except }, keep);
  }
  await settled();
}

export const numbersOf = (frames: readonly Frame[]): unknown[] =>
  frames.filter(({ event }) => event === 'n').map(({ data }) => data);
