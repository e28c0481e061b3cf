import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AppShare } from '../../src/core/channels/fan-out/app-share.ts';
import {
  LONGEST_TURN_BEHIND_MS,
  LONGEST_TURN_MS,
  SHARE_WRITES,
  TURN_WRITES,
  Turns,
} from '../../src/core/channels/fan-out/turns.ts';
import { AppTraffic } from '../../src/core/traffic/app-traffic.ts';

/** A channel that has so many writes to make, in parts of at most `part`; a part is never divided. */
interface TestChannel {
  readonly name: string;
  readonly share: AppShare<TestChannel>;
  left: number;
  readonly part: number;
}

class Site {
  nowMs = 0;
  /** Duration of a write. */
  writeMs = 0;
  /** A write of the app `a` is a byte. */
  maxWaitingBytes = 0;
  readonly weights: Record<string, number> = {};
  readonly served: { readonly name: string; readonly writes: number }[] = [];
  readonly shares = new Map<string, AppShare<TestChannel>>();
  readonly #channels: TestChannel[] = [];
  readonly #turns = new Turns<TestChannel>({
    weightOf: (app) => this.weights[app] ?? 1,
    serve: (channel, writes) => this.#serve(channel, writes),
    now: () => this.nowMs,
  });

  /** `name`: its app's, and a number. */
  add(name: string, left: number, part = Infinity): void {
    const app = name.charAt(0);
    const share =
      this.shares.get(app) ?? new AppShare<TestChannel>(app, new AppTraffic(), this.maxWaitingBytes);
    this.shares.set(app, share);
    const channel = { name, share, left, part };
    this.#channels.push(channel);
    this.#turns.add(channel);
  }

  writesOf(app = ''): number {
    return this.served
      .filter(({ name }) => name.startsWith(app))
      .reduce((sum, { writes }) => sum + writes, 0);
  }

  get names(): string[] {
    return this.served.map(({ name }) => name);
  }

  end(): void {
    for (const channel of this.#channels) channel.left = 0;
  }

  #serve(channel: TestChannel, writes: number): number {
    const made = Math.min(channel.left, channel.part === Infinity ? writes : channel.part);
    channel.left -= made;
    if (channel.share.app === 'a' && this.maxWaitingBytes > 0) channel.share.written(made);
    this.nowMs += made * this.writeMs;
    this.served.push({ name: channel.name, writes: made });
    if (channel.left > 0) this.#turns.add(channel);
    return made;
  }
}

let site: Site;
beforeEach(() => void (site = new Site()));
afterEach(() => site.end());

describe('apps', () => {
  test('3.14 an app waits for one share of each app before it, however much these have to write', async () => {
    for (let at = 0; at < 100; at += 1) site.add(`a${at}`, 10_000);
    site.add('b0', 10_000);
    site.add('c0', 10);
    await turn();
    expect(site.served.slice(0, 3)).toEqual([
      { name: 'a0', writes: SHARE_WRITES },
      { name: 'b0', writes: SHARE_WRITES },
      { name: 'c0', writes: 10 },
    ]);
  });

  test('3.14 apps that have more to write than they can share the writes by their weights', async () => {
    Object.assign(site.weights, { b: 2, c: 5 });
    for (const name of ['a0', 'b0', 'c0', 'c1']) site.add(name, 1_000_000);
    for (let at = 0; at < 80; at += 1) await turn();
    expect(site.writesOf('b') / site.writesOf('a')).toBeCloseTo(2, 1);
    expect(site.writesOf('c') / site.writesOf('a')).toBeCloseTo(5, 1);
  });

  test('3.14 an app that wrote more than its share at once waits until the others have had theirs', async () => {
    site.add('a0', SHARE_WRITES * 4, SHARE_WRITES * 4);
    site.add('a1', 1);
    site.add('b0', 10_000);
    for (let at = 0; at < 2; at += 1) await turn();
    expect(site.names.slice(0, 6)).toEqual(['a0', 'b0', 'b0', 'b0', 'b0', 'a1']);
  });

  test('3.14 what an app owes is owed after a pause as well; what it did not use is not kept', async () => {
    site.add('a0', SHARE_WRITES * 4, SHARE_WRITES * 4);
    site.add('b0', 1);
    await turn();
    site.add('a1', SHARE_WRITES * 3);
    site.add('b1', SHARE_WRITES * 3);
    await turn();
    expect(site.names).toEqual(['a0', 'b0', 'b1', 'b1', 'b1', 'a1', 'a1', 'a1']);
  });

  test('3.14 the channels of an app have their turn one after another', async () => {
    for (const name of ['a0', 'a1', 'a2']) site.add(name, SHARE_WRITES * 2);
    await turn();
    expect(site.names).toEqual(['a0', 'a1', 'a2', 'a0', 'a1', 'a2']);
  });

  test('3.14 the time of the writing is counted for each app', async () => {
    site.writeMs = 0.005;
    site.add('a0', 300);
    site.add('b0', 100);
    await turn();
    expect(site.shares.get('a')?.traffic.fanOutMs).toBeCloseTo(1.5);
    expect(site.shares.get('b')?.traffic.fanOutMs).toBeCloseTo(0.5);
  });
});

describe('turns of the event loop', () => {
  test('3.14 the event loop is free after so many writes of all apps together', async () => {
    for (const name of ['a0', 'b0', 'c0', 'd0']) site.add(name, 100_000);
    await turn();
    expect(site.writesOf()).toBeGreaterThanOrEqual(TURN_WRITES);
    expect(site.writesOf()).toBeLessThan(TURN_WRITES + SHARE_WRITES);
  });

  test('3.14 the event loop is free within the share of an app of great weight, too', async () => {
    Object.assign(site.weights, { a: 100 });
    site.add('a0', 100_000);
    site.add('b0', 100_000);
    await turn();
    expect(site.writesOf()).toBe(TURN_WRITES);
    while (site.writesOf('b') === 0) await turn();
    const before = site.served.slice(0, site.names.indexOf('b0'));
    expect(before.reduce((sum, { writes }) => sum + writes, 0)).toBe(100 * SHARE_WRITES);
  });

  test.each([
    ['as long as the rest of the loop took', 8, 8],
    ['at most so long', 500, LONGEST_TURN_MS],
  ])('3.14 a turn with more to write takes %s', async (_, restMs, expectedMs) => {
    site.writeMs = 0.001;
    site.add('a0', 1_000_000);
    await turn();
    site.nowMs += restMs;
    const sinceMs = site.nowMs;
    await turn();
    expect(site.nowMs - sinceMs).toBeGreaterThanOrEqual(expectedMs);
    expect(site.nowMs - sinceMs).toBeLessThan(expectedMs + SHARE_WRITES * site.writeMs * 2);
  });

  test.each([
    ['until fewer bytes of the app wait', 0.001, 9001, 9001 + SHARE_WRITES],
    ['or for so long', 0.01, 5000, 5000 + SHARE_WRITES],
  ])('3.14 while an app is behind a turn goes on, %s', async (_, writeMs, least, most) => {
    site.writeMs = writeMs;
    site.maxWaitingBytes = 1000;
    site.add('b0', 1_000_000);
    site.add('a0', 10_000);
    site.shares.get('a')?.wait(10_000);
    await turn();
    expect(site.writesOf('a')).toBeGreaterThanOrEqual(least - SHARE_WRITES);
    expect(site.writesOf('a')).toBeLessThanOrEqual(most);
    expect(site.writesOf('b')).toBeGreaterThanOrEqual(least - 2 * SHARE_WRITES);
    expect(site.nowMs).toBeLessThan(LONGEST_TURN_BEHIND_MS + 2 * SHARE_WRITES * writeMs);
  });

  test('3.14 a pause is not the rest of a loop', async () => {
    site.writeMs = 0.001;
    site.add('a0', 1);
    await turn();
    site.nowMs += 1000;
    site.add('a1', 1_000_000);
    await turn();
    expect(site.writesOf('a')).toBeLessThan(TURN_WRITES + SHARE_WRITES);
  });
});
