import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Drain } from '../../src/core/drain.ts';
import { FakeSocket, testApp, testConnection } from './fakes.ts';

const app = testApp();

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const crowd = (size: number): FakeSocket[] => Array.from({ length: size }, () => new FakeSocket());

function drainOf(sockets: readonly FakeSocket[], windowMs: number): Drain {
  return new Drain(
    sockets.map((socket, at) => testConnection({ app, socketId: `1.${at + 1}`, socket })),
    windowMs,
  );
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

describe('finishing early', () => {
  test('2.13 finishNow closes all that are left', async () => {
    const sockets = crowd(10_000);
    const drain = drainOf(sockets, 60_000);
    const done = drain.run();
    await vi.advanceTimersByTimeAsync(300);
    expect(closedOf(sockets)).toBeLessThan(300);
    drain.finishNow();
    await done;
    expect(closedOf(sockets)).toBe(10_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('2.13 finishNow before the start and after the end has no effect', async () => {
    const sockets = crowd(200);
    const drain = drainOf(sockets, 60_000);
    drain.finishNow();
    await drain.run();
    drain.finishNow();
    expect(closedOf(sockets)).toBe(200);
    for (const socket of sockets) expect(socket.payloads).toHaveLength(1);
  });
});
