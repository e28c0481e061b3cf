import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Position } from '#protocol';
import type { TabRecord, TabRef } from '../../src/core/ports/tab-store.ts';
import { HOSTILE_NAMES, type Implementation, openStores } from './capabilities.ts';

const TAB: TabRef = { app: 'a', tab: 'tab-of-the-tests' };
const AT = { epoch: 'e-1', generation: '7', offset: 3 };

const record = (socketId: string, changes: Partial<TabRecord> = {}): TabRecord => ({
  socketId,
  earlierSocketIds: [],
  openedAtMs: 1_800_000_000_000,
  heardAtMs: 1_800_000_000_002,
  awaySinceMs: undefined,
  points: new Map([['orders', { position: AT, atMs: 1_800_000_000_000, isFresh: false }]]),
  ...changes,
});

/** The contract of `TabStore`, for every implementation. */
export function tabStoreContract(implementation: Implementation): void {
  describe('tab store', () => {
    let node: Awaited<ReturnType<typeof openStores>>;
    beforeEach(async () => {
      node = await openStores(implementation);
    });
    afterEach(() => node.close());

    const read = async (ref = TAB): Promise<readonly TabRecord[]> =>
      [...(await node.tabStore.read(ref))].sort((one, other) => (one.socketId < other.socketId ? -1 : 1));

    test('13.4 a record is read as it was written, and written anew in place of the former', async () => {
      const first = record('1.1', {
        earlierSocketIds: ['9.9', '8.8'],
        awaySinceMs: 1_800_000_000_001,
        lateAtMs: 7,
      });
      await node.tabStore.write(TAB, first, 60_000);
      expect(await read()).toEqual([first]);
      const points = new Map<string, { position: Position | undefined; atMs: number; isFresh: boolean }>(
        HOSTILE_NAMES.map((channel, at) => [
          channel,
          { position: { ...AT, offset: at }, atMs: at, isFresh: at % 2 === 0 },
        ]),
      );
      points.set('unknown', { position: undefined, atMs: 5, isFresh: true });
      points.set('empty', { position: { epoch: '', generation: '0', offset: 0 }, atMs: 5, isFresh: false });
      await node.tabStore.write(TAB, record('1.1', { points }), 60_000);
      expect(await read()).toEqual([record('1.1', { points })]);
    });

    test('13.2 each socket of a tab has its record; tabs and apps are separate', async () => {
      const others = [
        { app: 'b', tab: TAB.tab },
        { app: 'a', tab: `${TAB.tab}2` },
      ];
      for (const ref of [TAB, ...others]) await node.tabStore.write(ref, record('1.1'), 60_000);
      await node.tabStore.write(TAB, record('2.2'), 60_000);
      expect((await read()).map(({ socketId }) => socketId)).toEqual(['1.1', '2.2']);
      await node.tabStore.remove(TAB, ['1.1', '2.2', '3.3']);
      expect(await read()).toEqual([]);
      for (const ref of others) expect(await read(ref)).toEqual([record('1.1')]);
    });

    test('13.4 the records of a tab are forgotten after their time, counted from the last write', async () => {
      await node.tabStore.write(TAB, record('1.1'), 10_000);
      await implementation.pass(8);
      await node.tabStore.write(TAB, record('2.2'), 10_000);
      await implementation.pass(8);
      expect(await read()).toHaveLength(2);
      await implementation.pass(3);
      expect(await read()).toEqual([]);
    });
  });
}
