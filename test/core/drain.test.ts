import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BEFORE_CLOSE_AT_ONCE, BEFORE_CLOSE_MS } from '../../src/core/drain/before-close.ts';
import { Drain, type DrainOptions } from '../../src/core/drain/drain.ts';
import { Pace } from '../../src/core/drain/pace.ts';
import type { Connection } from '../../src/core/client/connection.ts';
import type { Socket } from '../../src/core/ports/transport.ts';
import { sleep } from '../../src/core/util/time.ts';
import { FakeSocket, testApp, testConnection } from './fakes.ts';

const app = testApp();

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const crowd = (size: number): FakeSocket[] => Array.from({ length: size }, () => new FakeSocket());

function drainOf(
  sockets: readonly FakeSocket[],
  windowMs: number,
  options: Omit<DrainOptions<Connection>, 'windowMs'> = {},
): Drain<Connection> {
  const connections = sockets.map((socket, at) => testConnection({ app, socketId: `1.${at + 1}`, socket }));
  return new Drain(connections, { windowMs, ...options });
}

const closedOf = (sockets: readonly FakeSocket[]): number =>
  sockets.filter(({ closed }) => closed !== undefined).length;

describe('closing connections', () => {
  test('2.13 each socket gets error 4200 and close 4200', async () => {
    const sockets = crowd(3);
    await drainOf(sockets, 0).run();
    const reason = 'Server is closing. Please reconnect shortly.';
    for (const socket of sockets) {
      expect(socket.payloads).toEqual([
        `{"event":"pusher:error","data":{"code":4200,"message":"${reason}"}}`,
      ]);
      expect(socket.closed).toEqual({ code: 4200, reason });
    }
  });

  test('2.13 closes are spread evenly over the time', async () => {
    const sockets = crowd(10_000);
    const done = drainOf(sockets, 10_000).run();
    expect(closedOf(sockets)).toBe(100);
    await vi.advanceTimersByTimeAsync(5000);
    expect(closedOf(sockets)).toBe(5100);
    await vi.advanceTimersByTimeAsync(4900);
    expect(closedOf(sockets)).toBe(10_000);
    await done;
    expect(vi.getTimerCount()).toBe(0);
  });

  test('2.13 the few connections of a small server are closed quickly', async () => {
    const sockets = crowd(120);
    const done = drainOf(sockets, 60_000).run();
    expect(closedOf(sockets)).toBe(50);
    await vi.advanceTimersByTimeAsync(200);
    expect(closedOf(sockets)).toBe(120);
    await done;
  });

  test('2.13 without a time all connections are closed at once, and an empty server is no error', async () => {
    const sockets = crowd(5000);
    await drainOf(sockets, 0).run();
    expect(closedOf(sockets)).toBe(5000);
    await drainOf([], 10_000).run();
  });

  test('2.13 the drain time holds although the event loop is late', () => {
    const pace = new Pace(10_000, { windowMs: 10_000, mostMs: 0 });
    expect(pace.next(10_000, 0, false)).toBe(100);
    // Nothing was closed for 6 seconds: 4 are left.
    expect(pace.next(9900, 6000, false)).toBe(247);
    expect(pace.next(5000, 10_000, false)).toBe(5000);
  });

  test('2.13 the order is random, so that no app or address is closed in one wave', async () => {
    const sockets = crowd(2000);
    const done = drainOf(sockets, 2000).run();
    const firstHalf = closedOf(sockets.slice(0, 1000));
    await vi.advanceTimersByTimeAsync(900);
    const between = closedOf(sockets.slice(0, 1000));
    expect(firstHalf).toBeLessThan(100);
    expect(between).toBeGreaterThan(300);
    expect(between).toBeLessThan(700);
    await vi.advanceTimersByTimeAsync(2000);
    await done;
  });
});

describe('the order', () => {
  test('2.13 connections that are to be last are closed after all others', async () => {
    const sockets = crowd(1000);
    const last = new Set<Socket>(sockets.slice(0, 300));
    const done = drainOf(sockets, 10_000, { isLast: ({ socket }) => last.has(socket) }).run();
    // 50 in each step: 14 steps for the 700 others.
    await vi.advanceTimersByTimeAsync(1300);
    expect([closedOf(sockets), closedOf(sockets.slice(0, 300))]).toEqual([700, 0]);
    await vi.advanceTimersByTimeAsync(600);
    expect(closedOf(sockets)).toBe(1000);
    await done;
  });
});

describe('while other nodes are behind', () => {
  test('2.13 the closes are spread over the longest time', async () => {
    const sockets = crowd(10_000);
    const drain = drainOf(sockets, 10_000, { mostMs: 100_000, isSlowed: () => true });
    const done = drain.run();
    await vi.advanceTimersByTimeAsync(50_000);
    expect(closedOf(sockets)).toBeGreaterThan(4900);
    expect(closedOf(sockets)).toBeLessThan(5100);
    await vi.advanceTimersByTimeAsync(51_000);
    expect(closedOf(sockets)).toBe(10_000);
    await done;
    expect(drain.slowedMs).toBeGreaterThan(99_000);
  });

  test('2.13 the few connections of a small server are closed slowly too', async () => {
    const sockets = crowd(10);
    const done = drainOf(sockets, 1000, { mostMs: 10_000, isSlowed: () => true }).run();
    await vi.advanceTimersByTimeAsync(5000);
    expect(closedOf(sockets)).toBeGreaterThan(3);
    expect(closedOf(sockets)).toBeLessThan(7);
    await vi.advanceTimersByTimeAsync(6000);
    await done;
    expect(closedOf(sockets)).toBe(10);
  });

  test('2.13 the usual pace is taken up again when they have caught up', async () => {
    const sockets = crowd(10_000);
    let isSlowed = true;
    const drain = drainOf(sockets, 10_000, { mostMs: 100_000, isSlowed: () => isSlowed });
    const done = drain.run();
    await vi.advanceTimersByTimeAsync(9950);
    const slowly = closedOf(sockets);
    isSlowed = false;
    await vi.advanceTimersByTimeAsync(1000);
    expect(closedOf(sockets) - slowly).toBe(1000);
    expect(slowly).toBeLessThan(1100);
    await vi.advanceTimersByTimeAsync(10_000);
    await done;
    expect(drain.slowedMs).toBe(10_000);
  });

  test.each([
    ['not longer than the drain time', 10_000, 10_000, 5100],
    ['a step longer', 10_000, 10_100, 5050],
  ])('2.13 with a longest time that is %s', async (_, windowMs, mostMs, closed) => {
    const sockets = crowd(10_000);
    const done = drainOf(sockets, windowMs, { mostMs, isSlowed: () => true }).run();
    await vi.advanceTimersByTimeAsync(5000);
    expect(Math.abs(closedOf(sockets) - closed)).toBeLessThan(10);
    await vi.advanceTimersByTimeAsync(5200);
    expect(closedOf(sockets)).toBe(10_000);
    await done;
  });

  test('2.13 a drain time of 0 closes all at once', async () => {
    const sockets = crowd(500);
    await drainOf(sockets, 0, { mostMs: 100_000, isSlowed: () => true }).run();
    expect(closedOf(sockets)).toBe(500);
  });
});

describe('steps before the close', () => {
  test('2.13 each connection is closed after its own step, and the pace holds', async () => {
    const sockets = crowd(1000);
    const begun: string[] = [];
    const done = drainOf(sockets, 2000, {
      beforeClose: async ({ socketId }) => {
        begun.push(socketId);
        await sleep(1000);
      },
    }).run();
    await vi.advanceTimersByTimeAsync(950);
    expect([begun.length, closedOf(sockets)]).toEqual([500, 0]);
    await vi.advanceTimersByTimeAsync(1000);
    expect([begun.length, closedOf(sockets)]).toEqual([1000, 500]);
    await vi.advanceTimersByTimeAsync(1000);
    await done;
    expect(closedOf(sockets)).toBe(1000);
    expect(new Set(begun).size).toBe(1000);
  });

  test('2.13 a step that fails or hangs closes its connection all the same, within 2 seconds', async () => {
    const sockets = crowd(2);
    const steps = [Promise.reject(new Error('no')), new Promise<void>(() => undefined)];
    const done = drainOf(sockets, 1000, { beforeClose: () => steps.pop() }).run();
    await vi.advanceTimersByTimeAsync(BEFORE_CLOSE_MS - 1);
    expect(closedOf(sockets)).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(closedOf(sockets)).toBe(2);
    await done;
  });

  test(`2.13 ${BEFORE_CLOSE_AT_ONCE} steps run at once; the next one waits for one of them, no longer than 2 seconds`, async () => {
    const sockets = crowd(BEFORE_CLOSE_AT_ONCE + 2);
    const running: (() => void)[] = [];
    const beforeClose = () => new Promise<void>((resolve) => running.push(resolve));
    const done = drainOf(sockets, 0, { beforeClose }).run();
    await vi.advanceTimersByTimeAsync(0);
    expect(running).toHaveLength(BEFORE_CLOSE_AT_ONCE);
    running[0]!();
    await vi.advanceTimersByTimeAsync(0);
    expect(running).toHaveLength(BEFORE_CLOSE_AT_ONCE + 1);
    await vi.advanceTimersByTimeAsync(BEFORE_CLOSE_MS);
    await done;
    // The one that waited in vain is closed without its step.
    expect([running.length, closedOf(sockets)]).toEqual([BEFORE_CLOSE_AT_ONCE + 1, BEFORE_CLOSE_AT_ONCE + 2]);
    await vi.advanceTimersByTimeAsync(BEFORE_CLOSE_MS);
    expect([running.length, vi.getTimerCount()]).toEqual([BEFORE_CLOSE_AT_ONCE + 1, 0]);
  });

  test('2.13 a connection without a step is closed when it is due', async () => {
    const sockets = crowd(3);
    const done = drainOf(sockets, 1000, { beforeClose: () => undefined }).run();
    await vi.advanceTimersByTimeAsync(0);
    await done;
    expect(closedOf(sockets)).toBe(3);
  });
});

describe('finishing early', () => {
  test('2.13 a hurry closes all that are left', async () => {
    const sockets = crowd(10_000);
    const hurry = new AbortController();
    const drain = drainOf(sockets, 60_000, { hurry: hurry.signal });
    const done = drain.run();
    await vi.advanceTimersByTimeAsync(300);
    expect(closedOf(sockets)).toBeLessThan(300);
    expect(drain.left).toBe(10_000 - closedOf(sockets));
    hurry.abort();
    await done;
    expect([closedOf(sockets), drain.left]).toEqual([10_000, 0]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('2.13 a hurry ends the waits for steps before the close', async () => {
    const sockets = crowd(100);
    const hurry = new AbortController();
    const beforeClose = () => new Promise<void>(() => undefined);
    const drain = drainOf(sockets, 60_000, { hurry: hurry.signal, beforeClose });
    const done = drain.run();
    await vi.advanceTimersByTimeAsync(500);
    expect([closedOf(sockets), drain.left]).toEqual([0, 100]);
    hurry.abort();
    await done;
    expect([closedOf(sockets), drain.left]).toEqual([100, 0]);
  });

  test('2.13 a hurry before the start and after the end has no effect', async () => {
    const sockets = crowd(200);
    const hurry = new AbortController();
    hurry.abort();
    await drainOf(sockets, 60_000, { hurry: hurry.signal }).run();
    hurry.abort();
    expect(closedOf(sockets)).toBe(200);
    for (const socket of sockets) expect(socket.payloads).toHaveLength(1);
  });
});
