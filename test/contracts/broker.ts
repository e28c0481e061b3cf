import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ChannelEvent, ChannelRef } from '../../src/core/ports/events.ts';
import { HOSTILE_NAMES, type Implementation, openStores } from './capabilities.ts';
import { waitFor } from '../support/wait-for.ts';

const ORDERS: ChannelRef = { app: 'a', channel: 'orders' };

/** The contract of `Broker`, for every implementation. */
export function brokerContract(implementation: Implementation): void {
  describe('broker', () => {
    let node: Awaited<ReturnType<typeof openStores>>;
    beforeEach(async () => {
      node = await openStores(implementation);
    });
    afterEach(() => node.close());

    /** Returns the events delivered for a channel, once the marker published last has arrived. */
    async function eventsOf(ref: ChannelRef): Promise<ChannelEvent[]> {
      await node.broker.publish(ref, { payload: 'mark' });
      const events = () => node.deliveries.filter((each) => same(each.ref, ref)).map(({ event }) => event);
      await waitFor(() => expect(events().at(-1)?.payload).toBe('mark'));
      return events().slice(0, -1);
    }

    test('3.13 events published after subscribing arrive once, in order', async () => {
      await node.broker.subscribe(ORDERS);
      const payloads = Array.from({ length: 200 }, (_, at) => `{"n":${at}}`);
      for (const payload of payloads) await node.broker.publish(ORDERS, { payload });
      expect((await eventsOf(ORDERS)).map(({ payload }) => payload)).toEqual(payloads);
    });

    test('3.13 publishes that do not wait for each other keep the order of their calls', async () => {
      await node.broker.subscribe(ORDERS);
      const payloads = Array.from({ length: 200 }, (_, at) => String(at));
      await Promise.all(payloads.map((payload) => node.broker.publish(ORDERS, { payload })));
      expect((await eventsOf(ORDERS)).map(({ payload }) => payload)).toEqual(payloads);
    });

    test.each([
      ['text', { payload: '{"event":"e","data":"\\u0000 \\ud800 \u2028 äöü 𝒳 \\n"}' }],
      ['nothing', { payload: '' }],
      ['256 KiB', { payload: 'ü'.repeat(128 * 1024) }],
      ['the excluded socket', { payload: 'x', except: '1.2' }],
      ['best effort', { payload: 'x', bestEffort: true }],
    ])('3.13 an event arrives as it was given: %s', async (_what, event) => {
      await node.broker.subscribe(ORDERS);
      await node.broker.publish(ORDERS, event);
      expect(await eventsOf(ORDERS)).toEqual([event]);
    });

    test('3.13 channels are separate, and so are apps', async () => {
      const refs = ['a', 'b', '__proto__'].flatMap((app) =>
        ['orders', 'order', 'orders2', ...HOSTILE_NAMES].map((channel) => ({ app, channel })),
      );
      for (const ref of refs) await node.broker.subscribe(ref);
      for (const ref of refs) await node.broker.publish(ref, { payload: `${ref.app} ${ref.channel}` });
      for (const ref of refs) {
        expect(await eventsOf(ref)).toEqual([{ payload: `${ref.app} ${ref.channel}` }]);
      }
    });

    test('3.11 unsubscribing and subscribing again, also twice, leaves one delivery of each event', async () => {
      await node.broker.subscribe(ORDERS);
      await node.broker.subscribe(ORDERS);
      await node.broker.unsubscribe(ORDERS);
      await node.broker.unsubscribe(ORDERS);
      await node.broker.unsubscribe({ app: 'a', channel: 'never' });
      await node.broker.subscribe(ORDERS);
      await node.broker.publish(ORDERS, { payload: 'x' });
      expect(await eventsOf(ORDERS)).toEqual([{ payload: 'x' }]);
    });

    test('3.10 an event published with a retention is cached once the publish resolves, and delivered as well', async () => {
      await node.broker.subscribe(ORDERS);
      await node.broker.publish(
        ORDERS,
        { payload: 'x', except: '1.2' },
        { size: 50, ttlSeconds: 60, lastSeconds: 60 },
      );
      expect((await node.cachedEvents.last(ORDERS))?.payload).toBe('x');
      expect(await eventsOf(ORDERS)).toMatchObject([{ payload: 'x', except: '1.2' }]);
    });

    test('3.10 publishing to a channel without subscribers is no error, and the event is cached', async () => {
      await node.broker.publish(ORDERS, { payload: 'x' }, { size: 50, ttlSeconds: 60, lastSeconds: 60 });
      expect((await node.cachedEvents.last(ORDERS))?.payload).toBe('x');
    });
  });
}

const same = (a: ChannelRef, b: ChannelRef): boolean => a.app === b.app && a.channel === b.channel;
