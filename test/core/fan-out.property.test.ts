import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AppShare } from '../../src/core/channels/fan-out/app-share.ts';
import { Subscription } from '../../src/core/client/connection.ts';
import { FanOut } from '../../src/core/channels/fan-out/fan-out.ts';
import { Outbound } from '../../src/core/client/outbound.ts';
import { AppTraffic } from '../../src/core/traffic/app-traffic.ts';
import { DeliveryLatency } from '../../src/core/traffic/delivery-latency.ts';
import { Refusals } from '../../src/core/refusals/refusals.ts';
import { LocalChannel } from '../../src/core/channels/local-channel.ts';
import { FakeLogger, FakeSocket, lineEncoder, settled, testApp, testConnection } from './fakes.ts';

/** More than two slices, so that a fan-out is interrupted at least twice. */
const SUBSCRIBERS = 2600;

type Step =
  | { readonly do: 'push'; readonly count: number; readonly except: number; readonly bestEffort: boolean }
  | { readonly do: 'hold' | 'join' }
  | { readonly do: 'release' | 'leave'; readonly who: number }
  | { readonly do: 'turn' };

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const push = fc.record({
  do: fc.constant('push' as const),
  count: fc.integer({ min: 1, max: 4 }),
  except: place,
  bestEffort: fc.boolean(),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: push },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('hold' as const, 'join' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), who: place }) },
  // Biased to low places: leaving there moves a subscriber that the fan-out has not reached yet.
  { weight: 6, arbitrary: fc.record({ do: fc.constant('leave' as const), who: place.map((at) => at * at) }) },
);

/** One subscriber as the rules see it: what it must have got so far. */
interface Expected {
  readonly socket: FakeSocket;
  readonly subscription: Subscription;
  readonly slow: boolean;
  readonly events: string[];
  /** Bytes that it had when it left: not one more may follow. */
  written?: number;
}

const app = testApp();
const wires = [lineEncoder(), lineEncoder('~')] as const;
const parsed = new WeakMap<Buffer, readonly string[]>();

/** The same bytes go to thousands of sockets: each is parsed once. */
function payloadsOf({ socket }: Expected): string[] {
  return socket.writes.flatMap((bytes) => {
    const known = parsed.get(bytes) ?? socket.encoder.payloads(bytes);
    parsed.set(bytes, known);
    return known;
  });
}

class Model {
  readonly channel = new LocalChannel(
    { app: 'app-id', channel: 'orders' },
    new AppShare('app-id', new AppTraffic()),
  );
  readonly #outbound = new Outbound(
    { softBytes: 100, hardBytes: 1000 },
    new Refusals(new FakeLogger(), Date.now),
  );
  readonly fanOut = new FanOut({ outbound: this.#outbound, latency: new DeliveryLatency() });
  readonly here: Expected[] = [];
  readonly waiting: Expected[] = [];
  readonly gone: Expected[] = [];
  #ids = 0;
  #events = 0;

  constructor() {
    for (let at = 0; at < SUBSCRIBERS; at += 1) this.join(at % 50 === 0);
  }

  hold(slow = false): Expected {
    const id = (this.#ids += 1);
    const socket = new FakeSocket(wires[id % 2]);
    if (slow) socket.bufferedBytes = 500;
    const connection = testConnection({ app, socketId: `${id}.1`, socket, outbound: this.#outbound });
    const subscription = new Subscription(connection, this.channel.ref, undefined);
    this.channel.hold(subscription);
    const expected = { socket, subscription, slow, events: [] };
    this.waiting.push(expected);
    return expected;
  }

  release(who: Expected): void {
    this.fanOut.release(this.channel, who.subscription);
    this.waiting.splice(this.waiting.indexOf(who), 1);
    this.here.push(who);
  }

  join(slow = false): void {
    this.release(this.hold(slow));
  }

  leave(who: Expected): void {
    this.channel.drop(who.subscription);
    this.here.splice(this.here.indexOf(who), 1);
    this.gone.push(Object.assign(who, { written: who.socket.writes.length }));
  }

  push(except: string | undefined, bestEffort: boolean): void {
    const payload = `event ${(this.#events += 1)}`;
    this.fanOut.push(this.channel, { payload, except, bestEffort });
    for (const { slow, subscription, events } of [...this.here, ...this.waiting]) {
      if (subscription.connection.socketId !== except && !(slow && bestEffort)) events.push(payload);
    }
  }

  take(action: Step): Promise<void> | void {
    const at = <T>(list: readonly T[], share: number): T | undefined => list[Math.floor(share * list.length)];
    if (action.do === 'turn') return turn();
    if (action.do === 'hold') this.hold();
    if (action.do === 'join') this.join();
    if (action.do === 'push') {
      const except = at(this.here, action.except)?.subscription.connection.socketId;
      for (let times = 0; times < action.count; times += 1) this.push(except, action.bestEffort);
    }
    const list = action.do === 'release' ? this.waiting : this.here;
    const who = action.do === 'release' || action.do === 'leave' ? at(list, action.who) : undefined;
    if (who !== undefined && action.do === 'release') this.release(who);
    if (who !== undefined && action.do === 'leave') this.leave(who);
  }

  check(): void {
    for (const each of this.here) {
      if (payloadsOf(each).join() !== each.events.join()) expect(payloadsOf(each)).toEqual(each.events);
    }
    for (const each of this.gone) {
      const got = payloadsOf(each);
      expect(got).toEqual(each.events.slice(0, got.length));
      expect(each.socket.writes).toHaveLength(each.written ?? -1);
    }
    for (const each of this.waiting) expect(each.socket.writes).toEqual([]);
  }
}

test('3.13 whichever sockets join and leave during a fan-out: none loses, doubles or reorders an event', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      const model = new Model();
      for (const action of steps) await model.take(action);
      await settled(12);
      for (const waiting of [...model.waiting]) model.release(waiting);
      await settled(12);
      model.check();
    }),
    { numRuns: 40 },
  );
});
