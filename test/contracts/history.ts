import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NO_EVENTS, type Position } from '#protocol';
import type { ChannelRef, HistoryPart, Retention } from '../../src/core/ports/events.ts';
import { type Implementation, openStores } from './capabilities.ts';

const ORDERS: ChannelRef = { app: 'a', channel: 'orders' };
const KEEP: Retention = { size: 5, ttlSeconds: 60 };
const ALL = { events: 100, bytes: 1024 * 1024 };

const payloadsOf = ({ events }: HistoryPart): string[] => events.map(({ payload }) => payload);

/** The contract of `History`, for every implementation. */
export function historyContract(implementation: Implementation): void {
  describe('history', () => {
    let node: Awaited<ReturnType<typeof openStores>>;
    beforeEach(async () => {
      node = await openStores(implementation);
    });
    afterEach(() => node.close());

    const publish = async (payloads: readonly string[], keep = KEEP, ref = ORDERS): Promise<void> => {
      for (const payload of payloads) await node.broker.publish(ref, { payload, except: '1.2' }, keep);
    };
    const after = (position: Position, portion = ALL, ref = ORDERS): Promise<HistoryPart> =>
      node.history.after(ref, position, portion);
    const newest = async (): Promise<Position> => (await after(NO_EVENTS)).newest as Position;

    test('13.1 each kept event has the next position of its channel, live and in the history', async () => {
      expect(await node.broker.subscribe(ORDERS)).toEqual(NO_EVENTS);
      await publish(['a', 'b']);
      await node.broker.publish(ORDERS, { payload: 'unkept' });
      await expect.poll(() => node.deliveries.length).toBe(3);
      const live = node.deliveries.map(({ event }) => event);
      expect(live.map(({ position }) => position?.offset)).toEqual([1, 2, undefined]);
      const part = await after(NO_EVENTS);
      expect(part.events).toEqual(live.slice(0, 2));
      expect(part.newest).toEqual(live[1]?.position);
      await node.broker.unsubscribe(ORDERS);
      expect(await node.broker.subscribe(ORDERS)).toEqual(live[1]?.position);
    });

    test('13.5 what is read after a position is what was published since, the oldest first', async () => {
      await publish(['a', 'b', 'c']);
      const { epoch, generation } = await newest();
      for (const offset of [0, 1, 2, 3]) {
        const part = await after({ epoch, generation, offset });
        expect(payloadsOf(part)).toEqual(['a', 'b', 'c'].slice(offset));
        expect([part.from, part.until]).toEqual([offset, 3]);
      }
    });

    test('13.6 of events that are no longer kept the number is known', async () => {
      await publish(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
      const part = await after({ ...(await newest()), offset: 1 });
      expect(payloadsOf(part)).toEqual(['c', 'd', 'e', 'f', 'g']);
      expect([part.from, part.until]).toEqual([1, 7]);
    });

    test('13.6 after a position of another history everything is read', async () => {
      await publish(['a', 'b']);
      const part = await after({ epoch: 'other', generation: '1', offset: 1 });
      expect(payloadsOf(part)).toEqual(['a', 'b']);
      expect(part.from).toBe(0);
    });

    test('13.6 a position behind the newest event has nothing after it', async () => {
      await publish(['a', 'b']);
      const part = await after({ ...(await newest()), offset: 9 });
      expect([payloadsOf(part), part.until]).toEqual([[], 2]);
    });

    test.each([
      ['events', { events: 2, bytes: 1024 }],
      ['bytes', { events: 100, bytes: 200 }],
    ])('13.5 a part ends with its number of %s', async (_what, portion) => {
      await publish(['a', 'b', 'c'].map((each) => each.repeat(100)));
      const first = await after({ ...(await newest()), offset: 0 }, portion);
      expect([first.events.length, first.until]).toEqual([2, 2]);
      const rest = await after({ ...(first.newest as Position), offset: first.until }, portion);
      expect([rest.events.length, rest.until]).toEqual([1, 3]);
    });

    test('13.6 a channel that keeps nothing, or nothing any more, has no position', async () => {
      await publish(['a'], { size: 0, ttlSeconds: 60 });
      expect((await after(NO_EVENTS)).newest).toBeUndefined();
      await publish(['a'], { size: 5, ttlSeconds: 10 });
      expect((await after(NO_EVENTS)).events).toHaveLength(1);
      await implementation.pass(100);
      const part = await after(NO_EVENTS);
      expect([part.newest, payloadsOf(part)]).toEqual([undefined, []]);
      await publish(['b']);
      expect(payloadsOf(await after(NO_EVENTS))).toEqual(['b']);
    });

    test('13.6 the time is known for which nothing was lost', async () => {
      await publish(['a']);
      const { completeForMs, droppedAgoMs } = await after(NO_EVENTS);
      expect([completeForMs >= 0, droppedAgoMs]).toEqual([true, -1]);
    });

    test('13.6 a history that was dropped before its time is known to be', async () => {
      const appBytes = 64 * 1024;
      for (let at = 0; at < 30; at += 1)
        await publish(['x'.repeat(8 * 1024)], { ...KEEP, appBytes }, { app: 'a', channel: `c${at}` });
      const dropped = await Promise.all(
        Array.from({ length: 30 }, async (_, at) => {
          const part = await after(NO_EVENTS, ALL, { app: 'a', channel: `c${at}` });
          return part.newest === undefined ? part.droppedAgoMs : part.events.length === 0 ? 0 : undefined;
        }),
      );
      expect(dropped.filter((each) => each !== undefined && each >= 0).length).toBeGreaterThan(0);
    });

    test('3.13 apps and channels have histories of their own', async () => {
      await publish(['a'], KEEP, { app: 'b', channel: 'orders' });
      await publish(['b'], KEEP, { app: 'a', channel: 'other' });
      expect((await after(NO_EVENTS)).newest).toBeUndefined();
    });
  });
}
