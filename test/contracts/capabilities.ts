import type { Stores } from '../../src/core/ports/stores.ts';
import type { ChannelEvent, ChannelRef } from '../../src/core/ports/events.ts';

/** Access of a contract suite to an implementation, and the capabilities of that implementation. */
export interface Implementation {
  /** Fresh and empty stores of one node. */
  open(): Stores | Promise<Stores>;
  /** Advances the time by so many seconds, for everything that expires. */
  pass(seconds: number): void | Promise<void>;
  /** True where nodes share the store. */
  readonly isShared?: boolean;
  /** Characters after which cached events are evicted; undefined where something else bounds them. */
  readonly cachedEventsBound?: number;
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

/** Names with a special meaning in objects, globs or Redis keys. */
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
