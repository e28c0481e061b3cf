import type { Stores } from '../../src/core/ports/stores.ts';
import type { ChannelEvent, ChannelRef } from '../../src/core/ports/events.ts';

/** Access of a contract suite to an implementation, and the abilities of that implementation. */
export interface Implementation {
  /** Fresh and empty stores of one node. */
  open(): Stores | Promise<Stores>;
  /** Lets so many seconds go by, for everything that expires. */
  pass(seconds: number): void | Promise<void>;
  /** Characters after which the history forgets; left out where something else bounds it. */
  readonly historyBound?: number;
}

export interface Delivery {
  readonly ref: ChannelRef;
  readonly event: ChannelEvent;
}

/** Opens stores whose broker has been started; `deliveries` is what arrived, in order. */
export async function openStores(implementation: Implementation) {
  const stores = await implementation.open();
  const deliveries: Delivery[] = [];
  await stores.broker.start((ref, event) => deliveries.push({ ref, event }));
  return { ...stores, deliveries };
}

/** Names that are something else to a careless object, glob or key. */
export const HOSTILE_NAMES = [
  '__proto__',
  'constructor',
  'toString',
  '0',
  '01',
  '-1',
  '*',
  '?',
  '[a]',
  'a:b',
  '{a}',
];
