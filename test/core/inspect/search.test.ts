/** Searches for channels and users on one process, and over several. */
import { expect, test } from 'vitest';
import { FirstNames, searchFor } from '../../../src/core/live/inspect/first-names.ts';
import { joinConnections, joinNames } from '../../../src/core/live/inspect/join-views.ts';
import { MAX_SEARCHED } from '../../../src/core/live/inspect/process-view.ts';
import { MAX_LISTED, MAX_ROWS, type ViewAnswer } from '../../../src/core/live/inspect/questions.ts';
import { APP, openViewed, viewOver } from './site.ts';

const number = (at: number): string => String(at).padStart(6, '0');
const channel = (name: string, subscribers = 1) => ({ subscribers, ref: { app: APP, channel: name } });
const person = (id: string) => ({ user: { id }, subscriptions: [], socket: {} });
const answerOf = (process: string, answer: Partial<ViewAnswer>): ViewAnswer => ({
  ...{ process, node: `node-${process}`, host: 'h', pid: 1 },
  ...answer,
});

test('17.7 a search finds text anywhere in a name, in upper and lower case; a text before * is its beginning', () => {
  const names = ['orders', 'private-Orders.1', 'presence-room', 'or*'];
  const found = (text: string) => names.filter(searchFor(text));
  expect(found('')).toEqual(names);
  expect(found('ORDERS')).toEqual(['orders', 'private-Orders.1']);
  expect(found('private-o*')).toEqual(['private-Orders.1']);
  expect(found('*')).toEqual(names);
  expect(found('or**')).toEqual(['or*']);
  expect(found('.*')).toEqual([]);
});

test('17.7 lists the channels that have subscribers here, without those of the server itself', async () => {
  const { ask, on } = openViewed();
  await on(['orders', 'presence-room'], { user_id: 'ann' });
  const second = await on(['orders', 'private-orders.7']);
  second.signin({ id: 'bob' });
  const rows = [
    { name: 'orders', count: 2 },
    { name: 'presence-room', count: 1 },
    { name: 'private-orders.7', count: 1 },
  ];
  expect(ask('channels', '')).toEqual({ rows, isCut: false });
  expect(ask('channels', 'ORD', 'orders').rows).toEqual([rows[2]]);
  expect(ask('channels', 'none').rows).toEqual([]);
  const { connections = [], count } = ask('channel', 'orders');
  expect([count, connections.map(({ socket }) => socket)]).toEqual([
    2,
    [expect.any(String), second.socketId],
  ]);
  expect(ask('channel', 'empty')).toEqual({ count: 0, connections: [] });
});

test('17.7 a user is one that has signed in, and a member of a presence channel; each connection counts once', async () => {
  const { ask, on, view } = openViewed();
  const [first, second] = [await on(['presence-a', 'presence-b'], { user_id: 'ann' }), await on([])];
  first.signin({ id: 'ann' });
  second.signin({ id: 'ann' });
  await on(['presence-a'], { user_id: 'bob' });
  await on(['orders']);
  expect(ask('users', '').rows).toEqual([
    { name: 'ann', count: 2 },
    { name: 'bob', count: 1 },
  ]);
  const { count, connections = [] } = ask('user', 'ann');
  expect([count, connections.map(({ socket, channels }) => [socket, channels])]).toEqual([
    2,
    [
      [first.socketId, 2],
      [second.socketId, 0],
    ],
  ]);
  expect(view.answer({ view: 'users', app: 'another', name: '' }).rows).toEqual([]);
});

test(`17.6 an answer has ${MAX_ROWS} names, and says that there are more from one more on`, () => {
  const rowsOf = (names: number) =>
    viewOver({ channels: Array.from({ length: names }, (_, at) => channel(number(names - at))) }).answer({
      ...{ view: 'channels', app: APP, name: '' },
    });
  const joined = (names: number) => joinNames([answerOf('a', rowsOf(names))]);
  expect([joined(MAX_ROWS).found.length, joined(MAX_ROWS).more]).toEqual([MAX_ROWS, false]);
  const more = joined(MAX_ROWS + 1);
  expect([more.found.length, more.more, more.found[0]?.name]).toEqual([MAX_ROWS, true, number(1)]);
});

test(`17.6 lists ${MAX_LISTED} connections of a channel or of a user on one process, and counts all`, async () => {
  const { ask, on } = openViewed();
  for (let each = 0; each < MAX_LISTED; each += 1) await on(['presence-a'], { user_id: 'ann' });
  for (const about of [ask('channel', 'presence-a'), ask('user', 'ann')])
    expect([about.count, about.connections?.length]).toEqual([MAX_LISTED, MAX_LISTED]);
  await on(['presence-a'], { user_id: 'ann' });
  for (const about of [ask('channel', 'presence-a'), ask('user', 'ann')])
    expect([about.count, about.connections?.length]).toEqual([MAX_LISTED + 1, MAX_LISTED]);
});

test(`17.6 searches ${MAX_SEARCHED} channels or connections, and says that it is cut from one more on`, () => {
  const channels = Array.from({ length: MAX_SEARCHED }, (_, at) => channel(`private-orders.${number(at)}`));
  const connections = Array.from({ length: MAX_SEARCHED }, (_, at) => person(number(at)));
  const view = viewOver({ channels, connections });
  const ask = (about: 'channels' | 'users' | 'user', name: string) =>
    view.answer({ view: about, app: APP, name });
  const last = `private-orders.${number(MAX_SEARCHED - 1)}`;
  expect(ask('channels', last)).toEqual({ rows: [{ name: last, count: 1 }], isCut: false });
  expect([ask('users', '').isCut, ask('user', number(7)).isCut]).toEqual([false, false]);
  channels.push(channel('one more'));
  connections.push(person('one more'));
  expect(ask('channels', 'one more')).toEqual({ rows: [], isCut: true });
  expect([ask('users', '').isCut, ask('user', number(7)).isCut]).toEqual([true, true]);
});

test('17.7 the first names are exact, in whatever order they arrive', () => {
  const names = Array.from({ length: 500 }, (_, at) => number((at * 7919) % 100));
  const first = new FirstNames(10, number(20));
  for (const name of names) first.add(name, 1);
  expect(first.rows()).toEqual(Array.from({ length: 10 }, (_, at) => ({ name: number(21 + at), count: 5 })));
});

test('17.7 the pages of several processes together have each name once, with the count of each process', () => {
  const all = Array.from({ length: 3 * MAX_ROWS }, (_, at) => number(at));
  const processes = [all.filter((_, at) => at % 2 === 0), all.filter((_, at) => at % 3 === 0)];
  const views = processes.map((names) => viewOver({ channels: names.map((name) => channel(name, 2)) }));
  const seen: string[] = [];
  for (let after: string | undefined, more = true; more;) {
    const page = joinNames(
      views.map((view, at) =>
        answerOf(`${at}`, view.answer({ view: 'channels', app: APP, name: '', after })),
      ),
    );
    for (const { name, count, processes: having } of page.found) {
      expect(count).toBe(2 * processes.filter((names) => names.includes(name)).length);
      expect(having.map(({ node }) => node)).toEqual(
        processes.flatMap((names, at) => (names.includes(name) ? [`node-${at}`] : [])),
      );
      seen.push(name);
    }
    more = page.more;
    after = seen.at(-1);
  }
  expect(seen).toEqual(all.filter((_, at) => at % 2 === 0 || at % 3 === 0));
});

test('17.7 the connections of several processes are listed with their process', () => {
  const row = { socket: '1.1', address: 'a', transport: 'websocket', channels: 1, openedAtMs: 1 };
  expect(
    joinConnections([
      answerOf('a', { count: 3, connections: [row] }),
      answerOf('b', { count: 0, connections: [] }),
    ]),
  ).toEqual({
    processes: [{ node: 'node-a', host: 'h', pid: 1, count: 3 }],
    connections: [{ ...row, node: 'node-a', host: 'h', pid: 1 }],
  });
});
