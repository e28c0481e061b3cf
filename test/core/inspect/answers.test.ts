/** Questions and answers of other nodes, and what the shared store has of a channel. */
import { expect, test } from 'vitest';
import { encode } from '#protocol';
import { MAX_FRAMES } from '../../../src/core/live/inspect/frame-log.ts';
import { MAX_LISTED, MAX_NAMES, MAX_ROWS } from '../../../src/core/live/inspect/questions.ts';
import { readViewAnswer, readViewQuestion } from '../../../src/core/live/inspect/read-views.ts';
import {
  MAX_DATA_CHARS,
  MAX_EVENTS,
  MAX_MEMBERS,
  readStored,
  type StoredChannel,
} from '../../../src/core/live/inspect/stored-channel.ts';
import { Unavailable } from '../../../src/core/ports/failures.ts';
import type { ChannelRef } from '../../../src/core/ports/events.ts';
import { readOr } from '../../../src/core/util/readers.ts';
import { sharedQuestions } from '../../../src/server/live/shared-questions.ts';
import { openMemoryStores } from '../../../src/stores/memory/index.ts';
import { withOverrides } from '../fakes.ts';
import { APP, openViewed } from './site.ts';

const KEEP = { size: 1000, ttlSeconds: 60, lastSeconds: 60 };
const ROOM: ChannelRef = { app: APP, channel: 'presence-cache-room' };
const NAME = { process: 'p', node: 'n', host: 'h', pid: 1 };

async function storesWith(events: number, members = 0, data = '"{}"') {
  const stores = openMemoryStores();
  await stores.broker.start(() => undefined);
  for (let at = 1; at <= events; at += 1)
    await stores.broker.publish(ROOM, { payload: encode.event(`e${at}`, data, ROOM.channel) }, KEEP);
  for (let at = 1; at <= members; at += 1)
    await stores.membership.join(ROOM, {
      subscriptions: at,
      member: { id: `u${at}` } as never,
      socketId: '1.1',
    });
  return stores;
}

const read = async (stores: Parameters<typeof readStored>[0], query = { skip: 0, data: false }) =>
  (await readStored(stores, ROOM, query)) as StoredChannel;

test('17.7 the history has the newest events first, by name and size; their data only if they are asked for', async () => {
  const stores = await storesWith(3, 2, '"secret"');
  const masked = await read(stores);
  expect(masked.events.map(({ event, offset }) => [event, offset])).toEqual([
    ['e3', 3],
    ['e2', 2],
    ['e1', 1],
  ]);
  expect(masked.events[0]?.bytes).toBe(encode.event('e3', '"secret"', ROOM.channel).length);
  expect(masked.cached).toMatchObject({ event: 'e3' });
  expect(masked.cached?.ttlSeconds).toBeGreaterThan(50);
  expect(masked.members).toEqual({ total: 2, ids: ['u1', 'u2'] });
  expect(JSON.stringify(masked)).not.toContain('secret');
  const shown = await read(stores, { skip: 0, data: true });
  expect([shown.events[0]?.data, shown.cached?.data]).toEqual(['secret', 'secret']);
  const other = await readStored(stores, { app: APP, channel: 'orders' }, { skip: 0, data: true });
  expect(other).toMatchObject({ events: [], members: undefined, cached: undefined });
});

test(`17.6 lists the last ${MAX_EVENTS} events of a history`, async () => {
  expect((await read(await storesWith(MAX_EVENTS))).events.at(-1)?.event).toBe('e1');
  const more = await read(await storesWith(MAX_EVENTS + 1));
  expect([more.events.length, more.events.at(-1)?.event]).toEqual([MAX_EVENTS, 'e2']);
});

test('17.7 the newest of large events are listed, too', async () => {
  const { events } = await read(await storesWith(MAX_EVENTS + 5, 0, JSON.stringify('x'.repeat(100_000))));
  expect(events.map(({ offset }) => offset)).toEqual(
    Array.from({ length: MAX_EVENTS }, (_, at) => MAX_EVENTS + 5 - at),
  );
});

test(`17.6 a page of a roster has ${MAX_MEMBERS} members`, async () => {
  const idsOf = async (members: number, skip = 0) =>
    (await read(await storesWith(0, members), { skip, data: false })).members;
  expect((await idsOf(MAX_MEMBERS))?.ids).toHaveLength(MAX_MEMBERS);
  expect((await idsOf(MAX_MEMBERS + 1))?.ids).toHaveLength(MAX_MEMBERS);
  expect(await idsOf(MAX_MEMBERS + 1, MAX_MEMBERS)).toEqual({
    total: MAX_MEMBERS + 1,
    ids: [`u${MAX_MEMBERS + 1}`],
  });
  expect((await idsOf(1, 5000))?.ids).toEqual([]);
});

test(`17.6 shows ${MAX_DATA_CHARS} characters of the data of an event`, async () => {
  const dataOf = async (chars: number) =>
    (await read(await storesWith(1, 0, JSON.stringify('x'.repeat(chars))), { skip: 0, data: true })).events[0]
      ?.data;
  expect(await dataOf(MAX_DATA_CHARS)).toHaveLength(MAX_DATA_CHARS);
  expect(await dataOf(MAX_DATA_CHARS + 1)).toHaveLength(MAX_DATA_CHARS);
});

test('17.7 says so when the shared store does not answer', async () => {
  const stores = await storesWith(1);
  const history = withOverrides(stores.history, {
    after: () => Promise.reject(new Unavailable('Redis is away.')),
  });
  expect(await readStored({ ...stores, history }, ROOM, { skip: 0, data: false })).toBe('Redis is away.');
  const broken = withOverrides(stores.history, { after: () => Promise.reject(new Error('a defect')) });
  await expect(readStored({ ...stores, history: broken }, ROOM, { skip: 0, data: false })).rejects.toThrow(
    'defect',
  );
});

test('17.7 a question of another node is read strictly', () => {
  const question = { view: 'channels', app: APP, name: '', after: 'x' };
  expect(readOr(readViewQuestion, question)).toEqual(question);
  for (const wrong of [
    ...[null, 1, 'x', [], {}, { ...question, view: 'all' }, { ...question, app: 1 }],
    ...[
      { ...question, name: undefined },
      { ...question, after: {} },
      { ...question, name: 'x'.repeat(1025) },
    ],
    ...[
      { ...question, view: '__proto__' },
      { type: 'find', query: {} },
    ],
  ])
    expect(readOr(readViewQuestion, wrong)).toBeUndefined();
});

test('17.7 the answers of a process are those that other nodes read; others are left out', async () => {
  const site = openViewed();
  const client = await site.on(['orders'], undefined);
  const sent = (about: Parameters<typeof site.ask>[0], name: string): unknown =>
    JSON.parse(JSON.stringify({ ...NAME, ...site.ask(about, name) }));
  for (const about of ['channels', 'users', 'channel', 'user', 'connection', 'reconnect'] as const) {
    const name = about.startsWith('conn') || about === 'reconnect' ? client.socketId : 'orders';
    expect(readOr(readViewAnswer, sent(about, name)), about).toBeDefined();
  }
  client.close();
  expect(readOr(readViewAnswer, sent('connection', client.socketId))?.closed).toBeDefined();
  const row = { name: 'x', count: 1 };
  const connection = { socket: '1.1', address: 'a', transport: 't', channels: 1, openedAtMs: 1 };
  const frame = { atMs: 1, direction: 'in', event: 'x', bytes: 1 };
  const closed = { ...connection, closedAtMs: 1, code: 1, cause: 'x', frames: [frame] };
  const fits = (answer: object) => readOr(readViewAnswer, { ...NAME, ...answer }) !== undefined;
  const repeat = <T>(value: T, length: number) => Array.from({ length }, () => value);
  expect(fits({ rows: repeat(row, MAX_ROWS + 1) })).toBe(true);
  expect(fits({ connections: repeat(connection, MAX_LISTED) })).toBe(true);
  expect(fits({ closed: { ...closed, frames: repeat(frame, MAX_FRAMES) } })).toBe(true);
  for (const wrong of [
    ...[{ rows: repeat(row, MAX_ROWS + 2) }, { rows: [{ name: 'x', count: -1 }] }, { rows: 'all' }],
    ...[{ connections: repeat(connection, MAX_LISTED + 1) }, { connections: [{ ...connection, user: {} }] }],
    ...[
      { closed: { ...closed, frames: repeat(frame, MAX_FRAMES + 1) } },
      { closed: { ...closed, code: 'x' } },
    ],
    ...[{ closed: { ...closed, frames: [{ ...frame, direction: 'up' }] } }, { isDone: 1 }, { pid: -1 }],
    ...[{ host: 'x'.repeat(257) }, { open: closed }],
  ])
    expect(fits(wrong), JSON.stringify(wrong).slice(0, 80)).toBe(false);
  const { open } = site.ask('connection', (await site.on([])).socketId);
  expect(fits({ open: { ...open, names: repeat('x', MAX_NAMES) } })).toBe(true);
  expect(fits({ open: { ...open, names: repeat('x', MAX_NAMES + 1) } })).toBe(false);
});

test('17.7 several parts answer the questions of other nodes, each those that it knows', async () => {
  let receive: (question: unknown) => object | undefined = () => undefined;
  const shared = sharedQuestions({
    name: 'me',
    isCluster: true,
    onQuestion: (answer) => void (receive = answer),
    ask: (question) => Promise.resolve({ answers: [{ node: 'other', answer: question }], silent: [] }),
  });
  expect(receive('early')).toBeUndefined();
  shared.onQuestion((question) => (question === 'a' ? { a: 1 } : undefined));
  shared.onQuestion((question) => (question === 'b' ? { b: 1 } : undefined));
  expect([receive('a'), receive('b'), receive('c')]).toEqual([{ a: 1 }, { b: 1 }, undefined]);
  expect([shared.name, shared.isCluster, (await shared.ask({ x: 1 })).answers]).toEqual([
    'me',
    true,
    [{ node: 'other', answer: { x: 1 } }],
  ]);
});
