/** Records of tabs that the store took late, because it was away when their sockets closed (SPEC 13.4). */
import { beforeEach, expect, test } from 'vitest';
import { Unavailable } from '../../../src/core/ports/failures.ts';
import type { Stores } from '../../../src/core/ports/stores.ts';
import type { TabStore } from '../../../src/core/ports/tab-store.ts';
import { openMemoryStores } from '../../../src/stores/memory/index.ts';
import { type Client, openCore, settled, type TestCore } from '../fakes.ts';
import { numbersOf, publishTo } from './published-numbers.ts';

const TAB = 'tab-0123456789-a';
const REF = { app: 'app-id', tab: TAB };

/** Two nodes with one store for tabs, and the same channels. */
let stores: Stores;
let first: TestCore;
let second: TestCore;
let isAway: boolean;
/** Reads that the store has answered. */
let reads: number;

beforeEach(() => {
  [isAway, reads] = [false, 0];
  stores = openMemoryStores();
  const { tabStore } = stores;
  const failing = <Result>(call: () => Promise<Result>): Promise<Result> =>
    isAway ? Promise.reject(new Unavailable('away')) : call();
  const shared: TabStore = {
    outlivesProcess: true,
    read: (ref) =>
      failing(() => {
        reads += 1;
        return tabStore.read(ref);
      }),
    write: (...given) => failing(() => tabStore.write(...given)),
    remove: (...given) => failing(() => tabStore.remove(...given)),
  };
  first = openCore({ stores: () => ({ ...stores, tabStore: shared }) });
  second = openCore({ stores: () => ({ ...stores, tabStore: shared }) });
});

const stored = () => stores.tabStore.read(REF);

async function back(site: TestCore): Promise<Client> {
  site.clock.pass(1000);
  const client = await site.connect({ tab: TAB });
  client.subscribe('orders');
  await settled(8);
  return client;
}

/** The tab is on the first node, has everything up to 1, and closes while the store is away. */
async function closedWhileAway(): Promise<void> {
  const client = await back(first);
  await publishTo(second, 1);
  await expect.poll(stored).toHaveLength(1);
  await stores.tabStore.remove(
    REF,
    (await stored()).map(({ socketId }) => socketId),
  );
  isAway = true;
  client.close(1006);
  await settled();
  second.clock.pass(2000);
}

async function closed(site: TestCore, client: Client): Promise<void> {
  site.tabs.tick();
  for (const receipt of client.socket.receipts.splice(0)) client.session.alive(receipt);
  client.close(1006);
  await settled();
}

test('13.4 a tab that is back after an outage waits for what other nodes could not write', async () => {
  await closedWhileAway();
  await publishTo(second, 2);
  const returning = back(second);
  await settled();
  [isAway, reads] = [false, 0];
  await expect.poll(() => reads).toBe(1);
  first.tabs.tick();
  const client = await returning;
  await expect.poll(() => numbersOf(client.frames)).toContain(2);
});

test('13.2 a tab that began anew because the store was away continues there at its next return', async () => {
  const before = await back(first);
  await publishTo(second, 1);
  await expect.poll(stored).toHaveLength(1);
  isAway = true;
  second.clock.pass(2000);
  const client = await back(second);
  second.clock.pass(6000);
  await expect.poll(() => [...second.traffic.of('app-id').gaps.entries()]).toEqual([['unknown', 1]]);
  await publishTo(second, 2);
  await expect.poll(() => numbersOf(client.frames)).toEqual([2]);
  isAway = false;
  second.clock.pass(3000);
  second.tabs.tick();
  await settled(8);
  await publishTo(second, 3, 3, { except: before.socketId });
  await closed(second, client);
  await publishTo(second, 4);
  expect(numbersOf(client.frames)).toEqual([2]);
  expect(numbersOf((await back(second)).frames)).toEqual([4]);
});

test('13.2 after an outage 1,000 tabs at a time ask what was there', async () => {
  isAway = true;
  for (let at = 0; at < 1001; at += 1) {
    const client = await second.connect({ tab: `tab-of-many-${String(at).padStart(8, '0')}` });
    client.subscribe('orders');
  }
  second.clock.pass(6000);
  await expect.poll(() => [...second.traffic.of('app-id').gaps.entries()]).toEqual([['unknown', 1001]]);
  isAway = false;
  second.clock.pass(3000);
  for (const asked of [1000, 1001]) {
    second.tabs.tick();
    await settled(8);
    expect(reads).toBe(asked);
  }
});

test('13.4 a record is not written any more once the tab has begun anew', async () => {
  await closedWhileAway();
  isAway = false;
  const client = await back(second);
  await publishTo(second, 2, 3);
  await expect.poll(stored).toHaveLength(1);
  first.tabs.tick();
  await settled(8);
  expect(await stored()).toHaveLength(1);
  expect(first.tabs.dropped).toBe(1);
  await closed(second, client);
  await publishTo(second, 4);
  expect(numbersOf((await back(second)).frames)).toEqual([4]);
});

test('13.4 a record that is written before the new socket is known repeats nothing', async () => {
  await closedWhileAway();
  isAway = false;
  second.clock.pass(1000);
  const client = await second.connect({ tab: TAB });
  await settled();
  first.clock.pass(3000);
  first.tabs.tick();
  await expect.poll(stored).toHaveLength(1);
  client.subscribe('orders');
  await settled(8);
  await publishTo(second, 2, 3);
  await expect.poll(stored).toHaveLength(2);
  await closed(second, client);
  await publishTo(second, 4);
  const again = await back(second);
  expect(numbersOf(again.frames)).toEqual([4]);
  await expect.poll(stored).toHaveLength(1);
});
