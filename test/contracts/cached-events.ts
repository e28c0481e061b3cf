import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Retention } from '../../src/core/ports/events.ts';
import type { ChannelRef } from '../../src/core/ports/events.ts';
import { HOSTILE_NAMES, type Implementation, openStores } from './capabilities.ts';

const CACHE: ChannelRef = { app: 'a', channel: 'cache-a' };
const MINUTE: Retention = { size: 0, ttlSeconds: 0, lastSeconds: 60 };

/** The contract of cached events, for every implementation. */
export function cachedEventsContract(implementation: Implementation): void {
  describe('cached events', () => {
    let node: Awaited<ReturnType<typeof openStores>>;
    beforeEach(async () => {
      node = await openStores(implementation);
    });
    afterEach(() => node.close());

    const publish = (payload: string, keep?: Retention, ref = CACHE) =>
      node.broker.publish(ref, { payload }, keep);
    const payloadOf = async (ref: ChannelRef) => (await node.cachedEvents.last(ref))?.payload;

    test('3.10 a channel without events has no cached event', async () => {
      expect(await node.cachedEvents.last(CACHE)).toBeUndefined();
    });

    test('3.10 only the last event is cached, byte for byte', async () => {
      const last = '{"event":"e","data":"\\ud800 \u2028 äöü 𝒳"}';
      for (const payload of ['1', '2', last]) await publish(payload, MINUTE);
      expect(await payloadOf(CACHE)).toBe(last);
      expect(await payloadOf(CACHE)).toBe(last);
    });

    test('3.10 events without a retention do not change the cached event', async () => {
      await publish('kept', MINUTE);
      await publish('client event');
      expect(await payloadOf(CACHE)).toBe('kept');
    });

    test('3.10 an event is cached until its time to live ends', async () => {
      await publish('x', MINUTE);
      expect(await node.cachedEvents.last(CACHE)).toEqual({ payload: 'x', ttlSeconds: 60 });
      await implementation.pass(59);
      expect(await node.cachedEvents.last(CACHE)).toEqual({ payload: 'x', ttlSeconds: 1 });
      await implementation.pass(2);
      expect(await node.cachedEvents.last(CACHE)).toBeUndefined();
    });

    test('3.10 each new event starts its own time to live', async () => {
      await publish('1', MINUTE);
      await implementation.pass(40);
      await publish('2', MINUTE);
      await implementation.pass(40);
      expect(await node.cachedEvents.last(CACHE)).toEqual({ payload: '2', ttlSeconds: 20 });
      await publish('3', { ...MINUTE, lastSeconds: 5 });
      await implementation.pass(6);
      expect(await node.cachedEvents.last(CACHE)).toBeUndefined();
    });

    test.each([
      { size: 0, ttlSeconds: 60, lastSeconds: 0 },
      { size: 50, ttlSeconds: 60, lastSeconds: 0 },
    ])('3.10 a retention of %o caches no last event', async (keep) => {
      await publish('x', keep);
      expect(await node.cachedEvents.last(CACHE)).toBeUndefined();
    });

    test('3.10 channels are separate, and so are apps', async () => {
      const refs = ['a', 'b', '__proto__', '0'].flatMap((app) =>
        ['cache-a', 'cache-ab', ...HOSTILE_NAMES].map((channel) => ({ app, channel })),
      );
      expect(await Promise.all(refs.map(payloadOf))).toEqual(refs.map(() => undefined));
      for (const ref of refs) await publish(`${ref.app} ${ref.channel}`, MINUTE, ref);
      expect(await Promise.all(refs.map(payloadOf))).toEqual(
        refs.map(({ app, channel }) => `${app} ${channel}`),
      );
      expect(await node.cachedEvents.last({ app: 'c', channel: 'cache-a' })).toBeUndefined();
    });

    test('3.10 memory is bounded: the channels without events for longest are evicted first', async () => {
      const { cachedEventsBound } = implementation;
      const megabyte = 'x'.repeat(1024 * 1024);
      const channel = (at: number): ChannelRef => ({ app: 'a', channel: `cache-${at}` });
      const count = Math.ceil((cachedEventsBound ?? 0) / megabyte.length) + 2;
      for (let at = 0; at < count; at += 1) await publish(megabyte, MINUTE, channel(at));
      expect((await payloadOf(channel(0))) === undefined).toBe(cachedEventsBound !== undefined);
      expect((await payloadOf(channel(count - 1)))?.length).toBe(megabyte.length);
    });
  });
}
