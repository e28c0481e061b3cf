import { expect, test } from 'vitest';
import { HOLD_MS, LiveView, type WorkerLine } from '../../src/server/live/live-view.ts';

const line = (type: WorkerLine['type'], pid: number, atMs: number, more = {}): WorkerLine => ({
  type,
  pid,
  atMs,
  app: 'a',
  channel: 'c',
  digest: '1',
  ...more,
});
const all = (view: LiveView) =>
  view.take(Infinity).map(({ type, sockets, source, socket }) => ({ type, sockets, source, socket }));
const HTTP = { source: 'http' };

test('11.5 an event is one line with the sum of the sockets of all workers, whatever arrives first', () => {
  const view = new LiveView();
  view.add([line('delivered', 2, 11, { sockets: 3 })]);
  view.add([line('published', 1, 10, HTTP), line('delivered', 1, 12, { sockets: 4 })]);
  view.add([line('delivered', 3, 13, { sockets: 5 })]);
  expect(all(view)).toEqual([{ type: 'published', sockets: 12, source: 'http' }]);
});

test('11.5 equal events are told apart: each worker delivers each of them once', () => {
  const view = new LiveView();
  view.add([
    line('published', 1, 10, HTTP),
    line('delivered', 1, 10, { sockets: 2 }),
    line('delivered', 2, 10, { sockets: 3 }),
    line('published', 1, 11, HTTP),
    line('delivered', 1, 11, { sockets: 1 }),
    line('delivered', 2, 11, { sockets: 3 }),
  ]);
  expect(all(view).map(({ sockets }) => sockets)).toEqual([5, 4]);
});

test('11.5 an event without subscribers has 0 sockets; one that no worker took came from another node', () => {
  const view = new LiveView();
  view.add([line('published', 1, 10, HTTP), line('delivered', 2, 11, { sockets: 7, digest: '2' })]);
  expect(all(view)).toEqual([
    { type: 'published', sockets: 0, source: 'http' },
    { type: 'published', sockets: 7, source: 'another node' },
  ]);
});

test('11.5 thousands of equal events of three workers are counted without a search for each', () => {
  const view = new LiveView();
  const started = process.cpuUsage();
  for (let event = 0; event < 6000; event += 1) {
    view.add([line('published', 1, event, HTTP)]);
    for (const pid of [3, 2, 1]) view.add([line('delivered', pid, event, { sockets: pid })]);
  }
  expect(process.cpuUsage(started).user).toBeLessThan(500_000);
  expect(new Set(all(view).map(({ sockets }) => sockets))).toEqual(new Set([6]));
});

test('17.14 the change of a member is one line, however many workers have subscribers of its channel', () => {
  const view = new LiveView();
  const change = (type: 'member_added' | 'member_removed', pid: number, atMs: number) =>
    line(type, pid, atMs, { user: 'ann' });
  view.add([change('member_added', 1, 10), change('member_added', 2, 11)]);
  view.add([change('member_removed', 2, 12), change('member_added', 1, 13), change('member_removed', 1, 14)]);
  view.add([change('member_added', 2, 15)]);
  expect(all(view).map(({ type }) => type)).toEqual(['member_added', 'member_removed', 'member_added']);
});

test('11.5 lines are held until the workers had time to report, and come in the order of their time', () => {
  const view = new LiveView();
  view.add([line('connected', 2, 20, { socket: 'second' }), line('connected', 1, 10, { socket: 'first' })]);
  expect(view.take(10 + HOLD_MS - 1)).toEqual([]);
  expect(view.take(10 + HOLD_MS).map(({ socket }) => socket)).toEqual(['first']);
  expect(all(view).map(({ socket }) => socket)).toEqual(['second']);
});
