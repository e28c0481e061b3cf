/** State that passes from one process to the one that replaces it (SPEC 2.17). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Member } from '#protocol';
import type { ChannelEvent, ChannelRef } from '../../src/core/ports/events.ts';
import { Unavailable } from '../../src/core/ports/failures.ts';
import type { Stores } from '../../src/core/ports/stores.ts';
import type { TabRecord } from '../../src/core/ports/tab-store.ts';
import { withHandover } from '../../src/stores/handover/index.ts';
import { openMemoryStores } from '../../src/stores/memory/index.ts';
import { linkPair } from '../support/process-links.ts';
import { brief, takeAll, wishesOf } from './outbox.ts';
import { waitFor } from '../support/wait-for.ts';

const ROOM: ChannelRef = { app: 'a', channel: 'presence-room' };
const KEEP = { size: 100, ttlSeconds: 60, lastSeconds: 60 };
const NO_LIMIT = { events: 1000, bytes: 1_000_000 };
const member = (id: string): Member => ({ id, userId: id, infoJson: undefined });

interface TestProcess {
  readonly stores: Stores;
  readonly delivered: ChannelEvent[];
  readonly terminated: string[];
}

/** Opens the stores of a process. */
async function openProcess(webhooks?: Parameters<typeof wishesOf>[0]): Promise<TestProcess> {
  const stores = withHandover(openMemoryStores(undefined, 100, webhooks && wishesOf(webhooks)));
  const delivered: ChannelEvent[] = [];
  const terminated: string[] = [];
  await stores.broker.start((_, event) => void delivered.push(event));
  stores.nodeCommands.onTerminate((_, user) => void terminated.push(user));
  return { stores, delivered, terminated };
}

/** Lets `later` replace `earlier`. Returns a function that ends `earlier`. */
async function replace(
  { stores: earlier }: TestProcess,
  { stores: later }: TestProcess,
): Promise<() => void> {
  const [there, here] = linkPair();
  await Promise.all([earlier.handover?.give(there), later.handover?.take(here)]);
  return () => there.end();
}

const payloads = (events: readonly ChannelEvent[]) => events.map(({ payload }) => payload);
const publish = ({ stores }: TestProcess, payload: string, keep = KEEP, ref = ROOM) =>
  stores.broker.publish(ref, { payload }, keep);

let earlier: TestProcess;
let later: TestProcess;
beforeEach(async () => {
  [earlier, later] = [await openProcess(), await openProcess()];
});

describe('events', () => {
  test('13.1 the history goes on with its positions, whichever process publishes', async () => {
    for (const each of ['1', '2']) await publish(earlier, each);
    const before = await earlier.stores.broker.subscribe(ROOM);
    await replace(earlier, later);
    await publish(earlier, '3');
    await publish(later, '4');
    const start = { ...before!, offset: 0 };
    for (const { stores } of [earlier, later]) {
      const { events, newest } = await stores.history.after(ROOM, start, NO_LIMIT);
      expect(payloads(events)).toEqual(['1', '2', '3', '4']);
      expect(newest).toEqual({ ...before, offset: 4 });
    }
  });

  test('3.13 each event of either process reaches both, in one order', async () => {
    await replace(earlier, later);
    const sent = Array.from({ length: 50 }, (_, at) => `${at}`);
    await Promise.all(sent.map((each, at) => publish(at % 2 === 0 ? earlier : later, each)));
    await waitFor(() => expect(earlier.delivered).toHaveLength(50));
    expect(payloads(earlier.delivered)).toEqual(payloads(later.delivered));
    expect(payloads(later.delivered).sort()).toEqual(sent.sort());
  });

  test('13.6 the age of the history is that of the first process, and what it dropped is known', async () => {
    const small = { ...KEEP, appBytes: 2000 };
    for (let at = 0; at < 3; at += 1)
      await publish(earlier, 'x'.repeat(400), small, { app: 'a', channel: `${at}` });
    const start = { epoch: 'e', generation: '0', offset: 0 };
    const before = await earlier.stores.history.after(ROOM, start, NO_LIMIT);
    expect(before.droppedAgoMs).toBeGreaterThanOrEqual(0);
    await replace(earlier, later);
    const after = await later.stores.history.after(ROOM, start, NO_LIMIT);
    expect(after.droppedAgoMs).toBeGreaterThanOrEqual(before.droppedAgoMs);
    expect(after.completeForMs).toBeGreaterThanOrEqual(before.completeForMs);
  });

  test('3.13 another limit of bytes holds for the histories that were passed on', async () => {
    for (const channel of ['1', '2', '3'])
      await publish(earlier, 'x'.repeat(400), KEEP, { app: 'a', channel });
    await replace(earlier, later);
    await publish(later, 'y', { ...KEEP, appBytes: 3000 } as typeof KEEP, { app: 'a', channel: '3' });
    const kept = await Promise.all(
      ['1', '2', '3'].map(async (channel) => {
        const ref = { app: 'a', channel };
        const start = { epoch: 'e', generation: '0', offset: 0 };
        return (await later.stores.history.after(ref, start, NO_LIMIT)).events.length;
      }),
    );
    expect(kept).toEqual([0, 0, 2]);
  });

  test('3.10 a cached event is there for new subscribers, for the rest of its time', async () => {
    await publish(earlier, 'cached');
    await replace(earlier, later);
    expect(await later.stores.cachedEvents.last(ROOM)).toEqual({ payload: 'cached', ttlSeconds: 60 });
    await publish(later, 'newer');
    expect(await earlier.stores.cachedEvents.last(ROOM)).toMatchObject({ payload: 'newer' });
  });
});

describe('clients', () => {
  const record: TabRecord = {
    socketId: '1.1',
    earlierSocketIds: ['0.1'],
    awaySinceMs: undefined,
    openedAtMs: 1,
    heardAtMs: 2,
    points: new Map([
      ['orders', { position: { epoch: 'e', generation: '0', offset: 7 }, atMs: 1, isFresh: false }],
    ]),
  };

  test('13.4 records of tabs pass on, and those that are written later arrive', async () => {
    const [one, two] = ['1', '2'].map((tab) => ({ app: 'a', tab }));
    await earlier.stores.tabStore.write(one!, record, 60_000);
    await replace(earlier, later);
    await earlier.stores.tabStore.write(two!, record, 60_000);
    for (const ref of [one!, two!]) {
      expect(await later.stores.tabStore.read(ref)).toEqual([record]);
      expect(await earlier.stores.tabStore.read(ref)).toEqual([record]);
    }
  });

  test('4.4 a user who is on both processes is one member: nothing is sent when it leaves the first', async () => {
    const join = ({ stores }: TestProcess, id: string) =>
      stores.membership.join(ROOM, { subscriptions: 1, member: member(id), socketId: '1.1' });
    await join(earlier, 'u');
    const end = await replace(earlier, later);
    await join(later, 'u');
    await earlier.stores.membership.leave(ROOM, { subscriptions: 0, member: member('u') });
    expect(later.delivered).toEqual([]);
    expect(await later.stores.membership.occupancy(ROOM)).toEqual({ subscriptions: 1, users: 1 });
    await join(earlier, 'v');
    end();
    expect(later.delivered.map(({ memberChange }) => memberChange)).toEqual([
      { id: 'v', joined: true },
      { id: 'v', joined: false },
    ]);
    expect(await later.stores.membership.members(ROOM)).toEqual([member('u')]);
  });

  test('3.9 the counts of both processes add up, and channels that only the first holds are listed', async () => {
    await earlier.stores.membership.join(ROOM, { subscriptions: 3, socketId: '1.1' });
    await replace(earlier, later);
    await later.stores.membership.join(ROOM, { subscriptions: 2, socketId: '2.2' });
    earlier.stores.membership.count(ROOM, 1);
    expect(await earlier.stores.membership.occupancy(ROOM)).toEqual({ subscriptions: 3, users: 0 });
    expect([...(await later.stores.membership.channels('a', '')).keys()]).toEqual([ROOM.channel]);
  });

  test('2.7 the connections of both processes count against the limit, until the first has ended', async () => {
    for (let at = 0; at < 2; at += 1) await earlier.stores.quota.admit('a', 3);
    const end = await replace(earlier, later);
    expect(await later.stores.quota.admit('a', 3)).toBe(true);
    expect(await later.stores.quota.admit('a', 3)).toBe(false);
    earlier.stores.quota.dismiss('a');
    expect(await earlier.stores.quota.connections('a')).toBe(2);
    end();
    expect(await later.stores.quota.connections('a')).toBe(1);
  });

  test('8.10 a user is terminated in both processes, whichever is asked', async () => {
    await replace(earlier, later);
    await earlier.stores.nodeCommands.terminate('a', 'one');
    await later.stores.nodeCommands.terminate('a', 'two');
    await waitFor(() => expect(earlier.terminated).toEqual(['one', 'two']));
    expect(later.terminated).toEqual(['one', 'two']);
  });

  test('10.9 sessions of the first process are found from the second, until it has ended', async () => {
    const received: string[] = [];
    earlier.stores.sessionNodes.onMessage((message) => void received.push(message));
    const holder = await earlier.stores.sessionNodes.claim('s');
    const end = await replace(earlier, later);
    expect(await later.stores.sessionNodes.holderOf('s')).toBe(holder);
    expect(await later.stores.sessionNodes.claim('s')).toBe(holder);
    later.stores.sessionNodes.send(holder, 'from the second');
    await waitFor(() => expect(received).toEqual(['from the second']));
    end();
    expect(await later.stores.sessionNodes.holderOf('s')).toBeUndefined();
  });
});

describe('publishers and webhooks', () => {
  test('8.2 a signature that was accepted by either process is refused by both', async () => {
    await earlier.stores.replayGuard.take('a', 'one', 60_000);
    await earlier.stores.replayGuard.take('a', 'for ever', 0);
    await replace(earlier, later);
    await later.stores.replayGuard.take('a', 'two', 60_000);
    for (const { stores } of [earlier, later])
      for (const signature of ['one', 'two', 'for ever'])
        expect(await stores.replayGuard.take('a', signature, 60_000)).toBe(false);
  });

  test('9.6 webhooks that wait are delivered by the second process, with the newest count', async () => {
    [earlier, later] = [await openProcess({}), await openProcess({})];
    onEnd(() => later.stores.close());
    const counted = { app: 'a', channel: 'counted' };
    await earlier.stores.membership.join(counted, { subscriptions: 1, socketId: '1.1' });
    for (const count of [150, 170]) earlier.stores.membership.count(counted, count);
    await replace(earlier, later);
    await earlier.stores.outbox?.add({ type: 'cache_miss', ref: counted, fields: {} });
    const entries = await takeAll(later.stores.outbox!, 'one', 4);
    expect(entries.map(brief)).toEqual([
      'channel_occupied counted',
      'subscription_count counted 1',
      'subscription_count counted 170',
      'cache_miss counted',
    ]);
  });

  test('11.4 state that no file keeps passes on', async () => {
    await earlier.stores.state.write('percent', { percent: 5 });
    await replace(earlier, later);
    await earlier.stores.state.write('other', { x: 1 });
    expect(await later.stores.state.read('percent')).toEqual({ percent: 5 });
    expect(await later.stores.state.read('other')).toEqual({ x: 1 });
  });
});

describe('the moment', () => {
  test('2.17 calls that arrive while the state is given wait, and are made in their order', async () => {
    await publish(earlier, '1');
    const [there, here] = linkPair();
    const taken = later.stores.handover?.take(here);
    const given = earlier.stores.handover?.give(there);
    const during = ['2', '3', '4'].map((each) => publish(earlier, each));
    expect(payloads(earlier.delivered)).toEqual(['1']);
    await Promise.all([given, taken, ...during]);
    expect(payloads(later.delivered)).toEqual(['2', '3', '4']);
    expect(payloads(earlier.delivered)).toEqual(['1', '2', '3', '4']);
  });

  test('2.17 when the second process ends meanwhile, the first goes on with its own state', async () => {
    await publish(earlier, '1');
    const [there, here] = linkPair();
    const given = earlier.stores.handover?.give(there);
    const during = publish(earlier, '2');
    here.end();
    await Promise.all([given, during]);
    await publish(earlier, '3');
    expect(payloads(earlier.delivered)).toEqual(['1', '2', '3']);
  });

  test('2.17 when the second process ends later, calls of the first fail as without a store', async () => {
    const [there, here] = linkPair();
    await Promise.all([earlier.stores.handover?.give(there), later.stores.handover?.take(here)]);
    const pending = publish(earlier, 'lost?');
    here.end();
    await pending.catch(() => undefined);
    await expect(publish(earlier, 'late')).rejects.toThrow(Unavailable);
    earlier.stores.quota.dismiss('a');
  });

  test('2.17 state of a third process comes from the second, which the first has left', async () => {
    await publish(earlier, '1');
    const end = await replace(earlier, later);
    await publish(later, '2');
    end();
    const third = await openProcess();
    await replace(later, third);
    const position = await third.stores.broker.subscribe(ROOM);
    const { events } = await third.stores.history.after(ROOM, { ...position!, offset: 0 }, NO_LIMIT);
    expect(payloads(events)).toEqual(['1', '2']);
  });

  test('2.17 much state passes on in parts', async () => {
    const names = Array.from({ length: 300 }, (_, at) => `c${at}`);
    for (const channel of names) await publish(earlier, 'x'.repeat(10_000), KEEP, { app: 'a', channel });
    for (const channel of names) await earlier.stores.replayGuard.take('a', channel, 60_000);
    await replace(earlier, later);
    const start = { epoch: 'e', generation: '0', offset: 0 };
    for (const channel of names)
      expect((await later.stores.history.after({ app: 'a', channel }, start, NO_LIMIT)).events).toHaveLength(
        1,
      );
  });
});

const cleanups: (() => unknown)[] = [];
const onEnd = (cleanup: () => unknown) => void cleanups.push(cleanup);
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});
