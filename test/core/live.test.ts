import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { encode } from '#protocol';
import { LiveFeed, MAX_KEPT_LINES, MAX_LINES_PER_SECOND } from '../../src/core/live/feed.ts';
import type { LiveFilter } from '../../src/core/live/line.ts';

const ALL: LiveFilter = { payload: false };
const REF = { app: 'a', channel: 'orders' };
const eventOf = (name = 'shipped', data = '"{}"') => ({ payload: encode.event(name, data, 'orders') });

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => void vi.useRealTimers());

/** A feed with one viewer, and the lines that it reads. */
function watched(filter = ALL) {
  const feed = new LiveFeed();
  let { cursor } = feed.read('me', filter, undefined);
  const read = () => {
    const next = feed.read('me', filter, cursor);
    ({ cursor } = next);
    return next;
  };
  return { feed, read };
}

describe('the live feed', () => {
  test('11.5 is watched from the first read until 3 seconds after the last one, and then keeps nothing', () => {
    const { feed, read } = watched();
    expect(new LiveFeed().isWatched).toBe(false);
    expect(feed.isWatched).toBe(true);
    feed.published(REF, eventOf(), { source: 'http' });
    vi.advanceTimersByTime(2900);
    expect(read().lines).toHaveLength(1);
    vi.advanceTimersByTime(2900);
    expect(feed.isWatched).toBe(true);
    vi.advanceTimersByTime(3200);
    expect(feed.isWatched).toBe(false);
  });

  test('11.5 gives each line once, to each viewer by its own filter', () => {
    const feed = new LiveFeed();
    const filters = {
      all: ALL,
      other: { payload: false, app: 'b' },
      prefix: { payload: false, channel: 'ord*' },
      event: { payload: false, event: 'paid' },
    };
    const read = (name: keyof typeof filters, since = feed.read(name, filters[name], undefined).cursor) =>
      feed.read(name, filters[name], since);
    const cursors = Object.fromEntries(
      (Object.keys(filters) as (keyof typeof filters)[]).map((name) => [name, read(name).cursor]),
    );
    feed.published(REF, eventOf('shipped'), { source: 'http' });
    feed.published(REF, eventOf('paid'), { source: 'http' });
    feed.refused('origin', { app: 'b', address: '192.0.2.1' });
    const seen = (name: keyof typeof filters) =>
      read(name, cursors[name]).lines.map(({ event, reason }) => event ?? reason);
    expect(seen('all')).toEqual(['shipped', 'paid', 'origin']);
    expect(seen('other')).toEqual(['origin']);
    expect(seen('prefix')).toEqual(['shipped', 'paid']);
    expect(seen('event')).toEqual(['paid']);
    expect(read('all', read('all').cursor).lines).toEqual([]);
  });

  test("11.5 shows the data of events only to a viewer who asks for it; the server's own events never", () => {
    const secret = '"{\\"card\\":4242}"';
    const plain = watched();
    plain.feed.published(REF, eventOf('paid', secret), { source: 'http' });
    expect(JSON.stringify(plain.read())).not.toContain('4242');
    const curious = watched({ payload: true });
    curious.feed.published(REF, eventOf('paid', secret), { source: 'http' });
    curious.feed.published(REF, eventOf('paid', JSON.stringify('x'.repeat(5000))), { source: 'http' });
    curious.feed.delivered(REF, eventOf('pusher_internal:member_added'), 3);
    curious.feed.published({ app: 'a', channel: '#loss' }, eventOf(), { source: 'http' });
    const lines = curious.read().lines;
    expect(lines.map(({ payload }) => payload)).toEqual(['{"card":4242}', 'x'.repeat(1024)]);
  });

  test('17.14 a webhook, a cache miss and the change of a member are lines; channels of the server itself are not', () => {
    const { feed, read } = watched();
    feed.occupancy('occupied', REF);
    feed.occupancy('occupied', { app: 'a', channel: '#server-to-user-7' });
    feed.memberChanged(REF, { ...eventOf(), memberChange: { id: 'ann', joined: true } });
    feed.memberChanged(REF, { ...eventOf(), memberChange: { id: 'ann', joined: false } });
    feed.memberChanged(REF, eventOf());
    feed.cacheMissed(REF);
    feed.webhook('webhook_failed', { app: 'a', endpoint: 'shop', reason: '500' });
    feed.occupancy('vacated', REF);
    expect(
      read().lines.map(({ type, channel, user }) => [type, channel ?? '', user ?? ''].join(' ')),
    ).toEqual([
      'occupied orders ',
      'member_added orders ann',
      'member_removed orders ann',
      'cache_miss orders ',
      'webhook_failed  ',
      'vacated orders ',
    ]);
  });

  test(`11.5 takes ${MAX_LINES_PER_SECOND} lines a second, and says how many more there were`, () => {
    const { feed, read } = watched();
    for (let at = 0; at <= MAX_LINES_PER_SECOND; at += 1) feed.published(REF, eventOf(), { source: 'http' });
    for (let at = 0; at <= MAX_LINES_PER_SECOND; at += 1) feed.delivered(REF, eventOf(), 1);
    const { lines, leftOut } = read();
    expect([lines.length, leftOut]).toEqual([2 * MAX_LINES_PER_SECOND, 2]);
    vi.advanceTimersByTime(1000);
    feed.published(REF, eventOf(), { source: 'http' });
    expect([read().lines.length, read().leftOut]).toEqual([1, 0]);
  });

  test('11.5 keeps a bounded number of lines for a viewer that reads late', () => {
    const { feed, read } = watched();
    for (let second = 0; second < 10; second += 1) {
      for (let at = 0; at < MAX_LINES_PER_SECOND; at += 1) feed.published(REF, eventOf(), { source: 'http' });
      // Another viewer keeps the feed watched.
      feed.read('other', ALL, undefined);
      vi.advanceTimersByTime(1000);
    }
    const { lines, leftOut } = read();
    expect(lines.length).toBeLessThan(2 * MAX_KEPT_LINES);
    expect(lines.length + leftOut).toBe(10 * MAX_LINES_PER_SECOND);
  });
});
