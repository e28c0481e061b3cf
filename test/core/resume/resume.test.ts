import { beforeEach, describe, expect, test } from 'vitest';
import { encode } from '#protocol';
import { Unavailable } from '../../../src/core/ports/failures.ts';
import type { Stores } from '../../../src/core/ports/stores.ts';
import type { TabStore } from '../../../src/core/ports/tab-store.ts';
import {
  type Client,
  dataOf,
  type Frame,
  openCore,
  settled,
  type TestCore,
  testApp,
  withOverrides,
} from '../fakes.ts';
import { LateBroker } from './late-broker.ts';
import { numbersOf, type PublishArguments, publishTo } from './published-numbers.ts';

const TAB = 'tab-0123456789-a';

let site: TestCore;
beforeEach(() => {
  site = openCore();
});

const publish = (...event: PublishArguments) => publishTo(site, ...event);

const gapsOf = () => Object.fromEntries(site.traffic.of('app-id').gaps.entries());

async function subscribed(channel = 'orders'): Promise<Client> {
  const client = await site.connect({ tab: TAB });
  client.subscribe(channel);
  await settled();
  client.take();
  return client;
}

/** The client answers each receipt that it was asked for. */
function answer(client: Client): void {
  for (const receipt of client.socket.receipts.splice(0)) client.session.alive(receipt);
}

async function closed(client: Client, code = 1006): Promise<void> {
  client.close(code);
  await settled();
}

async function back(channel = 'orders', tab = TAB): Promise<readonly Frame[]> {
  const client = await site.connect({ tab });
  client.take();
  client.subscribe(channel);
  await settled(8);
  return client.take();
}

describe('a tab that comes back', () => {
  test('13.5 gets what it missed, in order, after its success and before what follows', async () => {
    const client = await subscribed();
    await publish(1, 2);
    site.tabs.tick();
    answer(client);
    await closed(client);
    await publish(3, 5);
    const again = await site.connect({ tab: TAB });
    again.take();
    again.subscribe('orders');
    await publish(6);
    await settled(8);
    const frames = again.take();
    expect(frames[0]?.event).toBe('pusher_internal:subscription_succeeded');
    expect(numbersOf(frames)).toEqual([3, 4, 5, 6]);
    await publish(7);
    expect(numbersOf(again.take())).toEqual([7]);
    expect(site.logger.errors).toEqual([]);
  });

  test('13.3 after a cut it continues at the last receipt', async () => {
    const client = await subscribed();
    await publish(1, 3);
    site.tabs.tick();
    answer(client);
    await publish(4, 5);
    await closed(client);
    await publish(6);
    expect(numbersOf(await back())).toEqual([4, 5, 6]);
  });

  test('13.4 with the setting `sent` no event comes twice', async () => {
    site = openCore({ tabs: { afterCut: 'sent' } });
    const client = await subscribed();
    await publish(1, 5);
    await closed(client);
    await publish(6);
    expect(numbersOf(await back())).toEqual([6]);
  });

  test('13.4 what the server settles before it closes comes exactly once', async () => {
    const client = await subscribed();
    await publish(1, 3);
    const settling = site.tabs.settle(site.hub.connection('app-id', client.socketId)!);
    await publish(4);
    await settled();
    expect(numbersOf(client.take())).toEqual([1, 2, 3]);
    answer(client);
    await settled();
    answer(client);
    await settling;
    site.hub.connection('app-id', client.socketId)?.close({ code: 4200, message: 'closing' });
    expect(client.take().map(({ event }) => event)).toEqual(['pusher:error']);
    expect(client.socket.closed?.code).toBe(4200);
    await closed(client, 4200);
    expect(numbersOf(await back())).toEqual([4]);
  });

  test('13.3 is asked for one receipt at a time, only after something was written, and need not answer', async () => {
    const quiet = await site.connect();
    quiet.subscribe('orders');
    const client = await subscribed();
    site.tabs.tick();
    expect(client.socket.receipts).toEqual([1]);
    answer(client);
    site.tabs.tick();
    expect(client.socket.receipts).toEqual([]);
    await publish(1);
    site.tabs.tick();
    await publish(2);
    site.tabs.tick();
    expect(client.socket.receipts).toEqual([2]);
    client.session.alive(1);
    client.session.alive(Number.NaN);
    site.tabs.tick();
    expect(client.socket.receipts).toEqual([2]);
    expect([quiet.socket.pings, client.socket.ended]).toEqual([0, false]);
  });

  test('13.5 events that excluded one of its sockets stay excluded, missed and live', async () => {
    const client = await subscribed();
    const first = client.socketId;
    await closed(client);
    await publish(1, 1, { except: first });
    await publish(2);
    const again = await site.connect({ tab: TAB });
    again.take();
    again.subscribe('orders');
    await settled(8);
    expect(numbersOf(again.take())).toEqual([2]);
    await publish(3, 3, { except: first });
    await publish(4, 4, { except: again.socketId });
    await publish(5, 5, { except: '9.9' });
    expect(numbersOf(again.take())).toEqual([5]);
    site.tabs.tick();
    answer(again);
    await closed(again);
    await publish(6, 6, { except: first });
    await publish(7);
    expect(numbersOf(await back())).toEqual([7]);
  });

  test('13.5 the event of a cache channel comes once', async () => {
    const client = await subscribed('cache-a');
    await publish(1, 2, { channel: 'cache-a', cached: true });
    site.tabs.tick();
    answer(client);
    await closed(client);
    expect(numbersOf(await back('cache-a', 'another-tab-0001'))).toEqual([2]);
    const again = await site.connect({ tab: TAB });
    again.take();
    again.subscribe('cache-a');
    await settled(8);
    expect(numbersOf(again.take())).toEqual([]);
    site.tabs.tick();
    answer(again);
    await closed(again);
    await publish(3, 4, { channel: 'cache-a', cached: true });
    expect(numbersOf(await back('cache-a'))).toEqual([3, 4]);
  });

  test('13.5 a tab whose first answer is not confirmed gets the cached event again', async () => {
    await publish(1, 1, { channel: 'cache-a', cached: true });
    const client = await site.connect({ tab: TAB });
    client.subscribe('cache-a');
    await settled();
    expect(numbersOf(client.take())).toEqual([1]);
    await closed(client);
    expect(numbersOf(await back('cache-a'))).toEqual([1]);
  });

  test('13.5 of more missed events than are sent at once, the cached one comes last and once', async () => {
    const client = await site.connect({ tab: TAB });
    client.subscribe('cache-a');
    await settled();
    await closed(client);
    await publish(1, 450, { channel: 'cache-a', cached: true, kept: 500 });
    expect(numbersOf(await back('cache-a'))).toEqual(Array.from({ length: 450 }, (_, at) => at + 1));
  });

  test('13.5 presence news, counts and client events are not sent again', async () => {
    site = openCore({ apps: [testApp({ subscriptionCounts: true, clientEvents: 'all' })] });
    const other = await site.connect();
    other.subscribe('presence-a', { user_id: '1' });
    const client = await site.connect({ tab: TAB });
    client.subscribe('presence-a', { user_id: '2' });
    await settled();
    await closed(client);
    other.sendClientEvent('presence-a', 'client-typing', {});
    const third = await site.connect();
    third.subscribe('presence-a', { user_id: '3' });
    await settled();
    await publish(1, 1, { channel: 'presence-a' });
    const again = await site.connect({ tab: TAB });
    again.take();
    again.subscribe('presence-a', { user_id: '2' });
    await settled(8);
    const frames = again.take();
    expect(frames.map(({ event }) => event)).toEqual(['pusher_internal:subscription_succeeded', 'n']);
    expect(dataOf(frames[0])).toMatchObject({ presence: { ids: ['1', '3', '2'] } });
  });

  test('13.2 a stranger with the id gets nothing before a valid signature', async () => {
    const client = await subscribed('private-a');
    await closed(client);
    await publish(1, 1, { channel: 'private-a' });
    const stranger = await site.connect({ tab: TAB });
    stranger.take();
    stranger.send({ event: 'pusher:subscribe', data: { channel: 'private-a', auth: 'app-key:0000' } });
    await settled();
    expect(stranger.take().map(({ event }) => event)).not.toContain('n');
    await closed(stranger);
    expect(numbersOf(await back('private-a'))).toEqual([1]);
  });

  test('13.4 a channel that it has not subscribed to again keeps its place through another cut', async () => {
    const client = await subscribed('orders');
    client.subscribe('others');
    await settled();
    await closed(client);
    await publish(1);
    await publish(2, 2, { channel: 'others' });
    const again = await site.connect({ tab: TAB });
    again.subscribe('orders');
    await settled(8);
    expect(numbersOf(again.take())).toEqual([1]);
    await closed(again);
    expect(numbersOf(await back('others'))).toEqual([2]);
  });

  test('13.4 a channel that it left is forgotten', async () => {
    const client = await subscribed();
    client.unsubscribe('orders');
    await settled();
    await closed(client);
    await publish(1);
    expect(numbersOf(await back())).toEqual([]);
  });

  test('13.2 two open sockets with one id each get every event, and none is lost when both return', async () => {
    const one = await subscribed();
    await publish(1);
    const two = await subscribed();
    await publish(2);
    site.tabs.tick();
    for (const client of [one, two]) answer(client);
    expect([numbersOf(one.frames), numbersOf(two.frames).at(-1)]).toEqual([[1, 2], 2]);
    await closed(one);
    await publish(3);
    site.tabs.tick();
    answer(two);
    await closed(two);
    await publish(4);
    expect(numbersOf(await back())).toEqual(expect.arrayContaining([3, 4]));
    expect(numbersOf(await back())).toEqual(expect.arrayContaining([3, 4]));
  });

  test('13.2 a connection that is found to be lost after its client came back has no positions', async () => {
    const lost = await subscribed();
    await publish(1);
    site.clock.pass(1000);
    const next = await subscribed();
    await publish(2);
    site.tabs.tick();
    answer(next);
    await closed(lost);
    await publish(3);
    site.clock.pass(1000);
    site.tabs.tick();
    answer(next);
    await closed(next);
    await publish(4);
    expect(numbersOf(await back())).toEqual([4]);
  });

  /** A tab whose socket does not end although its client is gone. */
  async function withoutClient(): Promise<Client> {
    const client = await subscribed();
    await publish(1);
    site.tabs.tick();
    answer(client);
    await publish(2);
    client.socket.isAway = true;
    return client;
  }

  test.each([
    ['at once', false],
    ['a second later', true],
  ])('13.4 a socket that ends after the tab is back %s leaves nothing', async (_, isLate) => {
    const client = await withoutClient();
    if (isLate) site.tabs.tick();
    await settled();
    const again = await site.connect({ tab: TAB });
    again.subscribe('orders');
    await settled(8);
    expect(numbersOf(again.take())).toEqual([2]);
    site.clock.pass(5000);
    site.tabs.tick();
    answer(again);
    await settled();
    await closed(client);
    await publish(3);
    site.tabs.tick();
    answer(again);
    await closed(again);
    await publish(4);
    expect(numbersOf(await back())).toEqual([4]);
  });

  test('13.2 a new socket continues where an open one is by its last receipt, stored or not', async () => {
    const open = await subscribed();
    await publish(1, 2);
    site.tabs.tick();
    answer(open);
    await publish(3);
    expect(numbersOf(await back())).toEqual([3]);
  });

  test('13.4 a new channel is stored soon, so that the node may fail', async () => {
    site = openCore({
      stores: (memory) => ({
        ...memory,
        tabStore: withOverrides(memory.tabStore, { outlivesProcess: true }),
      }),
    });
    await subscribed();
    const stored = async () => (await site.stores.tabStore.read({ app: 'app-id', tab: TAB })).length;
    await expect.poll(stored).toBe(1);
  });

  test('2.17 the places of open sockets are stored when another process takes over the store', async () => {
    let isElsewhere = false;
    const tabStoreOf = ({ tabStore }: Stores): TabStore => ({
      read: (ref) => tabStore.read(ref),
      write: (...record) => tabStore.write(...record),
      remove: (...records) => tabStore.remove(...records),
      get outlivesProcess() {
        return isElsewhere;
      },
    });
    site = openCore({ stores: (memory) => ({ ...memory, tabStore: tabStoreOf(memory) }) });
    const tab = await subscribed();
    await publish(1);
    site.tabs.tick();
    answer(tab);
    const stored = () => site.stores.tabStore.read({ app: 'app-id', tab: TAB });
    expect(await stored()).toEqual([]);
    isElsewhere = true;
    site.tabs.storeHandedOver();
    expect((await stored())[0]?.points.get('orders')?.position?.offset).toBe(1);
  });

  test('13.5 an event that the history has before this node receives it comes once', async () => {
    const late = new LateBroker();
    site = openCore({ stores: late.stores });
    await subscribed();
    const client = await subscribed('orders');
    site.tabs.tick();
    answer(client);
    await closed(client);
    late.isLate = true;
    await publish(1, 2);
    const again = await site.connect({ tab: TAB });
    again.subscribe('orders');
    await settled(8);
    await publish(3);
    late.arrive(1);
    await settled();
    expect(numbersOf(again.frames)).toEqual([1, 2]);
    late.arrive();
    await settled();
    late.isLate = false;
    await publish(4);
    expect(numbersOf(again.frames)).toEqual([1, 2, 3, 4]);
    await closed(again);
    expect(site.logger.errors).toEqual([]);
  });

  test('13.4 a socket that ends before the tab is back leaves its place', async () => {
    const client = await withoutClient();
    site.tabs.tick();
    await settled();
    await closed(client);
    expect(numbersOf(await back())).toEqual([2]);
  });

  test('13.4 a socket that receives again keeps a place of its own, although another one has taken it over', async () => {
    const client = await withoutClient();
    const other = await subscribed();
    client.socket.isAway = false;
    site.tabs.tick();
    answer(other);
    await settled();
    await closed(client);
    await closed(other);
    await publish(3);
    expect(numbersOf(await back())).toEqual([2, 3]);
  });

  test('13.5 what is published before this node receives the channel is not missed', async () => {
    let isUp = true;
    const away = (memory: Stores): Stores => ({
      ...memory,
      broker: withOverrides(memory.broker, {
        start: (deliver) => memory.broker.start((...event) => (isUp ? deliver(...event) : undefined)),
        subscribe: (ref) => (isUp ? memory.broker.subscribe(ref) : Promise.resolve(undefined)),
      }),
    });
    site = openCore({ stores: away });
    await closed(await subscribed());
    isUp = false;
    await publish(1);
    const again = await site.connect({ tab: TAB });
    again.subscribe('orders');
    await settled(8);
    await publish(2);
    isUp = true;
    await expect.poll(() => numbersOf(again.frames)).toEqual([1, 2]);
    await publish(3);
    expect(numbersOf(again.frames)).toEqual([1, 2, 3]);
    expect(site.logger.errors).toEqual([]);
  });

  test.each([
    ['', 0, {}],
    [', also when it takes longer than a history is waited for, which is a gap', 6000, { unavailable: 1 }],
  ])('13.5 what a node reads again after a restart of the store comes once%s', async (_, passMs, gaps) => {
    const ref = { app: 'app-id', channel: 'orders' };
    let generation = '0';
    let isResumed = true;
    const restarted = (memory: Stores): Stores => ({
      ...memory,
      broker: withOverrides(memory.broker, {
        start: (deliver) => memory.broker.start((...event) => (isResumed ? deliver(...event) : undefined)),
        subscribe: async () => ({
          ...(await memory.broker.subscribe(ref))!,
          generation: isResumed ? generation : '0',
        }),
      }),
      history: withOverrides(memory.history, {
        after: async (...args) => {
          const part = await memory.history.after(...args);
          return { ...part, newest: part.newest && { ...part.newest, generation } };
        },
      }),
    });
    site = openCore({ stores: restarted });
    const other = await site.connect();
    other.subscribe('orders');
    const client = await subscribed();
    await publish(1, 2);
    site.tabs.tick();
    answer(client);
    await closed(client);
    [generation, isResumed] = ['1', false];
    await publish(3);
    const again = await site.connect({ tab: TAB });
    again.subscribe('orders');
    await settled(8);
    expect(numbersOf(again.frames)).toEqual([3]);
    site.clock.pass(passMs);
    await expect.poll(() => gapsOf()).toEqual(gaps);
    isResumed = true;
    const { epoch } = (await site.stores.broker.subscribe(ref))!;
    for (const offset of [2, 3, 4])
      site.hub.deliver(ref, {
        payload: encode.event('n', String(offset), 'orders'),
        position: { epoch, generation, offset },
      });
    await expect.poll(() => numbersOf(again.frames)).toEqual([3, 4]);
    expect(site.logger.errors).toEqual([]);
  });

  test('13.8 of many sockets with one id the records of 8 are kept', async () => {
    const clients = [];
    for (let at = 0; at < 9; at += 1) clients.push(await subscribed());
    for (const client of clients) await closed(client);
    await publish(1);
    expect(numbersOf(await back())).toEqual([1]);
    expect((await site.stores.tabStore.read({ app: 'app-id', tab: TAB })).length).toBeLessThanOrEqual(8);
    expect(site.tabs.dropped).toBeGreaterThan(0);
  });

  test('13.4 nothing is kept when it is switched off', async () => {
    site = openCore({ tabs: { keepMs: 0 } });
    const client = await subscribed();
    await closed(client);
    await publish(1);
    expect(numbersOf(await back())).toEqual([]);
  });
});

describe('gaps', () => {
  test('13.6 more events than the history keeps are a gap with their number; what is kept follows', async () => {
    const client = await subscribed();
    site.tabs.tick();
    answer(client);
    await closed(client);
    await publish(1, 60);
    expect(numbersOf(await back())).toEqual(Array.from({ length: 50 }, (_, at) => at + 11));
    expect(gapsOf()).toEqual({ expired: 1 });
  });

  test('13.6 a client that does not ask for positions is told nothing, and gets none', async () => {
    const client = await subscribed();
    await closed(client);
    await publish(1, 60);
    const frames = await back();
    expect(frames.some(({ event }) => event === 'wavehall:gap')).toBe(false);
    expect(frames.some((frame) => frame.position !== undefined)).toBe(false);
  });

  test('13.6 a history that cannot be read is asked for again, and is a gap in the end', async () => {
    let failures = 0;
    const fails = (memory: Stores): Stores => ({
      ...memory,
      history: withOverrides(memory.history, {
        after: (...args) =>
          failures-- > 0 ? Promise.reject(new Unavailable('gone')) : memory.history.after(...args),
      }),
    });
    site = openCore({ stores: fails });
    const client = await subscribed();
    await closed(client);
    await publish(1);
    failures = 1;
    const again = await site.connect({ tab: TAB });
    again.subscribe('orders');
    await expect.poll(() => numbersOf(again.frames)).toEqual([1]);
    expect(gapsOf()).toEqual({});
    await closed(again);
    failures = Infinity;
    const third = await site.connect({ tab: TAB });
    third.subscribe('orders');
    await settled();
    site.clock.pass(6000);
    await expect.poll(() => gapsOf()).toEqual({ unavailable: 1 });
    await publish(2);
    await expect.poll(() => numbersOf(third.frames)).toEqual([2]);
  });

  test('13.6 a store that cannot say what the tab had is a gap', async () => {
    const fails = (memory: Stores): Stores => ({
      ...memory,
      tabStore: withOverrides(memory.tabStore, { read: () => Promise.reject(new Unavailable('gone')) }),
    });
    site = openCore({ stores: fails });
    const client = await site.connect({ tab: TAB });
    client.subscribe('orders');
    await settled();
    site.clock.pass(6000);
    await expect.poll(() => gapsOf()).toEqual({ unknown: 1 });
  });
});
