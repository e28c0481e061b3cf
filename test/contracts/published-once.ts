import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ChannelRef } from '../../src/core/ports/events.ts';
import { HOSTILE_NAMES, type Implementation, openStores } from './capabilities.ts';
import { waitFor } from '../support/wait-for.ts';

const KEEP = { size: 10, ttlSeconds: 60, lastSeconds: 60 };
const NO_LIMIT = { events: 100, bytes: 1_000_000 };

/** The contract of `Broker.publishOnce`, for every implementation; it remembers 5 events of an app (and of a partition). */
export function publishedOnceContract(implementation: Implementation): void {
  describe('events that are published once', () => {
    let node: Awaited<ReturnType<typeof openStores>>;
    beforeEach(async () => {
      node = await openStores(implementation);
    });
    afterEach(() => node.close());

    const subscribed = async (channel = 'c', app = 'a'): Promise<ChannelRef> => {
      await node.broker.subscribe({ app, channel });
      return { app, channel };
    };
    const once = (ref: ChannelRef, payload: string, id = 'one', keep: typeof KEEP | undefined = KEEP) =>
      node.broker.publishOnce(ref, { payload }, { id, ttlMs: 60_000 }, keep);
    const payloads = () => node.deliveries.map(({ event }) => event.payload);
    const arrived = (...expected: string[]) => waitFor(() => expect(payloads()).toEqual(expected));

    test('8.16 the second time nothing is delivered or kept, also when they come at once', async () => {
      const ref = await subscribed();
      const answers = await Promise.all(Array.from({ length: 9 }, (_, at) => once(ref, `${at}`)));
      expect(answers).toEqual([true, ...Array.from({ length: 8 }, () => false)]);
      expect(await once(ref, 'later')).toBe(false);
      expect(await once(ref, 'other', 'two')).toBe(true);
      await arrived('0', 'other');
      const start = { epoch: 'e', generation: '0', offset: 0 };
      const { events } = await node.history.after(ref, start, NO_LIMIT);
      expect(events.map(({ payload }) => payload)).toEqual(['0', 'other']);
      expect(await node.cachedEvents.last(ref)).toMatchObject({ payload: 'other' });
    });

    test('8.16 events of a channel keep their order among others', async () => {
      const ref = await subscribed();
      const all = [
        node.broker.publish(ref, { payload: '1' }, KEEP),
        once(ref, '2', 'x'),
        node.broker.publish(ref, { payload: '3' }),
        once(ref, '4', 'y', undefined),
        node.broker.publish(ref, { payload: '5' }, KEEP),
      ];
      await Promise.all(all);
      await arrived('1', '2', '3', '4', '5');
    });

    test('8.16 an event that is not kept in a history is published once too', async () => {
      const ref = await subscribed();
      expect(await once(ref, '1', 'x', undefined)).toBe(true);
      expect(await once(ref, '2', 'x', undefined)).toBe(false);
      await arrived('1');
    });

    test('8.16 channels and apps are separate, whatever their names are', async () => {
      for (const name of HOSTILE_NAMES) {
        for (const ref of [await subscribed(name, 'channels'), await subscribed('c', name)]) {
          expect(await once(ref, name, 'id')).toBe(true);
          expect(await once(ref, name, 'id')).toBe(false);
        }
        expect(await once({ app: 'ids', channel: 'c' }, name, name)).toBe(true);
      }
    });

    test('8.16 it can be published again after its time', async () => {
      const ref = await subscribed();
      await once(ref, '1');
      await implementation.pass(30);
      expect(await once(ref, '2')).toBe(false);
      await implementation.pass(40);
      expect(await once(ref, '3')).toBe(true);
      await arrived('1', '3');
    });

    test('8.16 with more than the limit the oldest is forgotten', async () => {
      const ref = await subscribed();
      for (const id of ['1', '2', '3', '4', '5']) expect(await once(ref, id, id)).toBe(true);
      expect(await once(ref, '1', '1')).toBe(false);
      await implementation.pass(1);
      expect(await once(ref, '6', '6')).toBe(true);
      for (const id of ['3', '4', '5', '6']) expect(await once(ref, id, id)).toBe(false);
    });
  });
}
