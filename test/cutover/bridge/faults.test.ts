import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../../support/wire.ts';
import { upstreamKinds } from '../upstream.ts';
import type { RecordingClient } from './recording-client.ts';
import { BridgedPair } from './bridged-pair.ts';

let stage: BridgedPair;
afterEach(() => stage.close());

const QUICK = { reconnectFirstMs: 100, reconnectMostMs: 400, graceMs: 600, retryMostMs: 200 };
const numbers = (count: number): string[] => Array.from({ length: count }, (_, at) => JSON.stringify({ at }));

const isConnected = (): Promise<void> =>
  eventually(() => stage.node.state.connected, 'the bridge is connected', 10_000);
const isDisconnected = (): Promise<void> =>
  eventually(() => !stage.node.state.connected, 'the bridge is disconnected', 10_000);
const isQueueEmpty = (): Promise<void> =>
  eventually(
    () => stage.node.state.queue.events === 0,
    () => JSON.stringify(stage.node.state),
    15_000,
  );

/** Publishes on this side, where events arrive at once whatever the bridge does. */
async function publishAll(name: string, data: readonly string[], channel = 'orders'): Promise<void> {
  for (const each of data) await stage.publishHere(channel, name, each);
}

describe.each(upstreamKinds().filter(({ canBeKilled }) => canBeKilled))('beside $name', (kind) => {
  test('11.13 the upstream is killed and restarted: this side goes on, waiting events are forwarded, rosters heal', async () => {
    stage = await BridgedPair.open(kind, { limits: QUICK });
    const room = 'presence-room';
    const [a, b] = [await stage.here(), await stage.there()];
    await b.join(room, { user_id: 'b', user_info: {} });
    for (const channel of ['orders', 'cache-orders']) await a.join(channel);
    await a.join(room, { user_id: 'a', user_info: {} });
    await eventually(() => a.roster(room).join() === 'a,b', 'everybody');
    await stage.upstream.kill9();
    await isDisconnected();
    await publishAll('meanwhile', numbers(30));
    await eventually(() => a.received('meanwhile').length === 30, 'this side goes on');
    const late = await stage.here();
    await late.join('orders');
    await eventually(
      () => a.roster(room).join() === 'a',
      'the members of the upstream are removed after the grace time',
    );
    await stage.upstream.restart();
    await isConnected();
    const back = await stage.there();
    await back.join(room, { user_id: 'b', user_info: {} });
    await back.join('orders');
    await eventually(
      () => a.roster(room).join() === 'a,b' && back.roster(room).join() === 'a,b',
      'rosters heal',
    );
    await isQueueEmpty();
    await stage.fence('orders', a, late, back);
    await stage.fence(room, a, back);
    expect(a.received('meanwhile')).toEqual(numbers(30));
    expect(stage.node.state).toMatchObject({ dropped: {}, gaps: expect.any(Number) as number });
    expect(stage.node.state.gaps).toBeGreaterThan(0);
    const lines = stage.node.logger.warnings
      .map(({ message }) => message)
      .filter((what) => /the upstream/.test(what));
    expect(lines).toEqual([
      'The bridge has no connection to the upstream and retries: clients on Wavehall miss what is published there, and events for it wait for at most WAVEHALL_CUTOVER_QUEUE_SECONDS. Check that the upstream runs; at the first start, check WAVEHALL_CUTOVER_UPSTREAM',
      'The bridge is connected to the upstream again',
    ]);
  });

  test('11.13 the bridge’s connections are cut under load: nothing published here is lost or doubled', async () => {
    stage = await BridgedPair.open(kind, { limits: QUICK });
    const room = 'presence-room';
    const [a, b, c] = [await stage.here(), await stage.there(), await stage.here()];
    for (const [at, person] of [a, b, c].entries()) {
      await person.join('orders');
      await person.join(room, { user_id: `u${at}`, user_info: {} });
    }
    for (let round = 0; round < 3; round += 1) {
      const publishing = Promise.all([
        publishAll(`round-${round}`, numbers(30)),
        publishAll(`round-${round}`, numbers(30), room),
      ]);
      stage.upstream.proxy.cut('bridge');
      await publishing;
      await isConnected();
    }
    await isQueueEmpty();
    const isWhole = (person: RecordingClient): boolean => person.roster(room).join() === 'u0,u1,u2';
    await eventually(() => [a, b, c].every(isWhole), 'rosters heal');
    await stage.fence('orders', a, b, c);
    await stage.fence(room, a, b, c);
    for (const person of [a, b, c])
      for (const channel of ['orders', room])
        for (let round = 0; round < 3; round += 1)
          expect(person.received(`round-${round}`, channel)).toEqual(numbers(30));
    expect(a.memberChanges(room)).not.toContain('-u1');
  });

  test('11.7 it answers 500: waiting events are forwarded once and in order when it works again', async () => {
    stage = await BridgedPair.open(kind, { limits: QUICK });
    const [a, b] = [await stage.here(), await stage.there()];
    for (const person of [a, b]) await person.join('orders');
    stage.upstream.proxy.failRequests(500);
    await publishAll('hurt', numbers(25));
    await eventually(() => a.received('hurt').length === 25, 'this side goes on');
    expect(stage.node.state.queue.events).toBe(25);
    expect(stage.node.state.lastError).toContain('500');
    stage.upstream.proxy.failRequests(undefined);
    await isQueueEmpty();
    await stage.fence('orders', a, b);
    for (const person of [a, b]) expect(person.received('hurt')).toEqual(numbers(25));
    expect(stage.node.state).toMatchObject({ forwarded: 26, dropped: {} });
  });

  test('11.7 it is slow by 2 s: publishers here hardly wait, and nothing is lost or doubled', async () => {
    stage = await BridgedPair.open(kind);
    const [a, b] = [await stage.here(), await stage.there()];
    for (const person of [a, b]) await person.join('orders');
    stage.upstream.proxy.delayMs = 2000;
    const begunMs = performance.now();
    await publishAll('slow', numbers(8));
    expect((performance.now() - begunMs) / 8).toBeLessThan(600);
    await stage.publishThere('orders', 'slow-there', 1);
    await isQueueEmpty();
    await eventually(() => a.received('slow-there').length === 1, 'late, but here');
    stage.upstream.proxy.delayMs = 0;
    await stage.fence('orders', a, b);
    for (const person of [a, b]) {
      expect(person.received('slow')).toEqual(numbers(8));
      expect(person.received('slow-there')).toEqual(['1']);
    }
    expect(stage.node.state.lagMs).toBeDefined();
  });

  test('11.7 a late answer: events whose echo came back are not sent again', async () => {
    stage = await BridgedPair.open(kind, { limits: { ...QUICK, requestTimeoutMs: 300 } });
    const [a, b] = [await stage.here(), await stage.there()];
    for (const person of [a, b]) await person.join('orders');
    stage.upstream.proxy.delayMs = 500;
    await publishAll('unanswered', numbers(3));
    await isQueueEmpty();
    stage.upstream.proxy.delayMs = 0;
    await stage.fence('orders', a, b);
    expect(a.received('unanswered')).toEqual(numbers(3));
    expect(b.received('unanswered')).toEqual(numbers(3));
    expect(stage.node.state.dropped).toEqual({});
  });

  test('11.7 a late answer without a subscription here: the event is counted and not sent again', async () => {
    stage = await BridgedPair.open(kind, { limits: { ...QUICK, requestTimeoutMs: 300 } });
    const b = await stage.there();
    await b.join('orders');
    stage.upstream.proxy.delayMs = 500;
    await publishAll('unanswered', numbers(3));
    await isQueueEmpty();
    stage.upstream.proxy.delayMs = 0;
    await eventually(() => b.received('unanswered').length === 3, 'they were taken all the same');
    expect(stage.node.state.dropped).toEqual({ unanswered: 3 });
    await stage.publishHere('orders', 'last', 1);
    await eventually(() => b.received('last').length === 1, 'the last');
    expect(b.received('unanswered')).toEqual(numbers(3));
  });

  test('11.7 the queue is limited in number, bytes and age; dropped events are counted', async () => {
    stage = await BridgedPair.open(kind, {
      limits: { ...QUICK, queueEvents: 10, queueBytes: 4000, queueAgeMs: 1500, parallelRequests: 1 },
    });
    const b = await stage.there();
    await b.join('orders');
    stage.upstream.proxy.failRequests(503);
    await publishAll('number', numbers(10));
    expect(stage.node.state).toMatchObject({ queue: { events: 10 }, dropped: {} });
    await publishAll('number', ['one too many']);
    expect(stage.node.state).toMatchObject({ queue: { events: 10 }, dropped: { 'queue-full': 1 } });
    await isQueueEmpty();
    expect(stage.node.state.dropped).toEqual({ 'queue-full': 1, 'too-old': 10 });
    const large = 'x'.repeat(1900);
    await publishAll('bytes', [large, large, large]);
    expect(stage.node.state.queue).toMatchObject({ events: 2 });
    expect(stage.node.state.dropped).toEqual({ 'queue-full': 2, 'too-old': 10 });
    stage.upstream.proxy.failRequests(undefined);
    await isQueueEmpty();
    await eventually(() => b.received('bytes').length === 2, 'what was young enough');
    expect(b.received('number')).toEqual([]);
  });
});
