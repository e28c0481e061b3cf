import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../../support/wire.ts';
import { upstreamKinds } from '../upstream.ts';
import type { RecordingClient } from './recording-client.ts';
import { BridgedPair } from './bridged-pair.ts';

let pair: BridgedPair;
afterEach(() => pair.close());

const QUICK = { reconnectFirstMs: 100, reconnectMostMs: 400, graceMs: 600, retryMostMs: 200 };
const numbers = (count: number): string[] => Array.from({ length: count }, (_, at) => JSON.stringify({ at }));

const isConnected = (): Promise<void> =>
  eventually(() => pair.node.state.connected, 'the bridge is connected', 10_000);
const isDisconnected = (): Promise<void> =>
  eventually(() => !pair.node.state.connected, 'the bridge is disconnected', 10_000);
const isQueueEmpty = (): Promise<void> =>
  eventually(
    () => pair.node.state.queue.events === 0,
    () => JSON.stringify(pair.node.state),
    15_000,
  );

/** Publishes on this side, which delivers the events to its own clients without the bridge. */
async function publishAll(name: string, data: readonly string[], channel = 'orders'): Promise<void> {
  for (const each of data) await pair.publishAtNode(channel, name, each);
}

describe.each(upstreamKinds().filter(({ canBeKilled }) => canBeKilled))(
  'with $name as the upstream',
  (kind) => {
    test('11.13 after the upstream is killed and restarted, waiting events are forwarded and rosters are complete again; this side delivers meanwhile', async () => {
      pair = await BridgedPair.open(kind, { limits: QUICK });
      const presence = 'presence-room';
      const [a, b] = [await pair.connectToNode(), await pair.connectToUpstream()];
      await b.join(presence, { user_id: 'b', user_info: {} });
      for (const channel of ['orders', 'cache-orders']) await a.join(channel);
      await a.join(presence, { user_id: 'a', user_info: {} });
      await eventually(() => a.roster(presence).join() === 'a,b', 'both rosters list both members');
      await pair.upstream.kill9();
      await isDisconnected();
      await publishAll('meanwhile', numbers(30));
      await eventually(() => a.received('meanwhile').length === 30, 'this side delivers');
      const late = await pair.connectToNode();
      await late.join('orders');
      await eventually(
        () => a.roster(presence).join() === 'a',
        'the members of the upstream are removed after the grace time',
      );
      await pair.upstream.restart();
      await isConnected();
      const back = await pair.connectToUpstream();
      await back.join(presence, { user_id: 'b', user_info: {} });
      await back.join('orders');
      await eventually(
        () => a.roster(presence).join() === 'a,b' && back.roster(presence).join() === 'a,b',
        'rosters are complete again',
      );
      await isQueueEmpty();
      await pair.fence('orders', a, late, back);
      await pair.fence(presence, a, back);
      expect(a.received('meanwhile')).toEqual(numbers(30));
      expect(pair.node.state).toMatchObject({ dropped: {}, gaps: expect.any(Number) as number });
      expect(pair.node.state.gaps).toBeGreaterThan(0);
      const lines = pair.node.logger.warnings
        .map(({ message }) => message)
        .filter((what) => /the upstream/.test(what));
      expect(lines).toEqual([
        'The bridge has no connection to the upstream and retries: clients on Wavehall miss what is published there, and events for it wait for at most WAVEHALL_CUTOVER_QUEUE_SECONDS. Check that the upstream runs; at the first start, check WAVEHALL_CUTOVER_UPSTREAM',
        'The bridge is connected to the upstream again',
      ]);
    });

    test('11.13 loses and doubles no event that is published here when the bridge’s connections are cut under load', async () => {
      pair = await BridgedPair.open(kind, { limits: QUICK });
      const presence = 'presence-room';
      const [a, b, c] = [
        await pair.connectToNode(),
        await pair.connectToUpstream(),
        await pair.connectToNode(),
      ];
      for (const [at, client] of [a, b, c].entries()) {
        await client.join('orders');
        await client.join(presence, { user_id: `u${at}`, user_info: {} });
      }
      for (let round = 0; round < 3; round += 1) {
        const publishing = Promise.all([
          publishAll(`round-${round}`, numbers(30)),
          publishAll(`round-${round}`, numbers(30), presence),
        ]);
        pair.upstream.proxy.cut('bridge');
        await publishing;
        await isConnected();
      }
      await isQueueEmpty();
      const isComplete = (client: RecordingClient): boolean => client.roster(presence).join() === 'u0,u1,u2';
      await eventually(() => [a, b, c].every(isComplete), 'rosters are complete again');
      await pair.fence('orders', a, b, c);
      await pair.fence(presence, a, b, c);
      for (const client of [a, b, c])
        for (const channel of ['orders', presence])
          for (let round = 0; round < 3; round += 1)
            expect(client.received(`round-${round}`, channel)).toEqual(numbers(30));
      expect(a.memberChanges(presence)).not.toContain('-u1');
    });

    test('11.7 forwards waiting events once and in order after the upstream has answered 500 for a while', async () => {
      pair = await BridgedPair.open(kind, { limits: QUICK });
      const [a, b] = [await pair.connectToNode(), await pair.connectToUpstream()];
      for (const client of [a, b]) await client.join('orders');
      pair.upstream.proxy.failRequests(500);
      await publishAll('during-500', numbers(25));
      await eventually(() => a.received('during-500').length === 25, 'this side delivers');
      expect(pair.node.state.queue.events).toBe(25);
      expect(pair.node.state.lastError).toContain('500');
      pair.upstream.proxy.failRequests(undefined);
      await isQueueEmpty();
      await pair.fence('orders', a, b);
      for (const client of [a, b]) expect(client.received('during-500')).toEqual(numbers(25));
      expect(pair.node.state).toMatchObject({ forwarded: 26, dropped: {} });
    });

    test('11.7 loses and doubles no event while the upstream answers 2 s late, and publishers here do not wait for its answers', async () => {
      pair = await BridgedPair.open(kind);
      const [a, b] = [await pair.connectToNode(), await pair.connectToUpstream()];
      for (const client of [a, b]) await client.join('orders');
      pair.upstream.proxy.delayMs = 2000;
      const beganMs = performance.now();
      await publishAll('slow', numbers(8));
      expect((performance.now() - beganMs) / 8).toBeLessThan(600);
      await pair.publishAtUpstream('orders', 'slow-there', 1);
      await isQueueEmpty();
      await eventually(() => a.received('slow-there').length === 1, 'the late event of the upstream arrives');
      pair.upstream.proxy.delayMs = 0;
      await pair.fence('orders', a, b);
      for (const client of [a, b]) {
        expect(client.received('slow')).toEqual(numbers(8));
        expect(client.received('slow-there')).toEqual(['1']);
      }
      expect(pair.node.state.lagMs).toBeDefined();
    });

    test('11.7 after a late answer, events whose echo has been received are not sent again', async () => {
      pair = await BridgedPair.open(kind, { limits: { ...QUICK, requestTimeoutMs: 300 } });
      const [a, b] = [await pair.connectToNode(), await pair.connectToUpstream()];
      for (const client of [a, b]) await client.join('orders');
      pair.upstream.proxy.delayMs = 500;
      await publishAll('unanswered', numbers(3));
      await isQueueEmpty();
      pair.upstream.proxy.delayMs = 0;
      await pair.fence('orders', a, b);
      expect(a.received('unanswered')).toEqual(numbers(3));
      expect(b.received('unanswered')).toEqual(numbers(3));
      expect(pair.node.state.dropped).toEqual({});
    });

    test('11.7 after a late answer without a subscription, events are counted and not sent again', async () => {
      pair = await BridgedPair.open(kind, { limits: { ...QUICK, requestTimeoutMs: 300 } });
      const b = await pair.connectToUpstream();
      await b.join('orders');
      pair.upstream.proxy.delayMs = 500;
      await publishAll('unanswered', numbers(3));
      await isQueueEmpty();
      pair.upstream.proxy.delayMs = 0;
      await eventually(
        () => b.received('unanswered').length === 3,
        'the upstream delivers the unanswered events',
      );
      expect(pair.node.state.dropped).toEqual({ unanswered: 3 });
      await pair.publishAtNode('orders', 'last', 1);
      await eventually(() => b.received('last').length === 1, 'the last');
      expect(b.received('unanswered')).toEqual(numbers(3));
    });

    test('11.7 the queue is limited in number, bytes and age; dropped events are counted', async () => {
      pair = await BridgedPair.open(kind, {
        limits: { ...QUICK, queueEvents: 10, queueBytes: 4000, queueAgeMs: 1500, parallelRequests: 1 },
      });
      const b = await pair.connectToUpstream();
      await b.join('orders');
      pair.upstream.proxy.failRequests(503);
      await publishAll('number', numbers(10));
      expect(pair.node.state).toMatchObject({ queue: { events: 10 }, dropped: {} });
      await publishAll('number', ['one too many']);
      expect(pair.node.state).toMatchObject({ queue: { events: 10 }, dropped: { 'queue-full': 1 } });
      await isQueueEmpty();
      expect(pair.node.state.dropped).toEqual({ 'queue-full': 1, 'too-old': 10 });
      const large = 'x'.repeat(1900);
      await publishAll('bytes', [large, large, large]);
      expect(pair.node.state.queue).toMatchObject({ events: 2 });
      expect(pair.node.state.dropped).toEqual({ 'queue-full': 2, 'too-old': 10 });
      pair.upstream.proxy.failRequests(undefined);
      await isQueueEmpty();
      await eventually(() => b.received('bytes').length === 2, 'the events that are not too old');
      expect(b.received('number')).toEqual([]);
    });
  },
);
