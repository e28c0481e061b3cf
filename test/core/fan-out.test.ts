import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { AppShare } from '../../src/core/channels/fan-out/app-share.ts';
import { Subscription } from '../../src/core/client/connection.ts';
import { FanOut } from '../../src/core/channels/fan-out/fan-out.ts';
import { SHARE_WRITES, TURN_WRITES } from '../../src/core/channels/fan-out/turns.ts';
import { LocalChannel } from '../../src/core/channels/local-channel.ts';
import { Outbound } from '../../src/core/client/outbound.ts';
import { AppTraffic } from '../../src/core/traffic/app-traffic.ts';
import { DeliveryLatency } from '../../src/core/traffic/delivery-latency.ts';
import { Refusals } from '../../src/core/refusals/refusals.ts';
import { FakeLogger, FakeSocket, lineEncoder, settled, testApp, testConnection } from './fakes.ts';

/** Channels of one app have the share of that app. */
function openChannel(name: string, on: string): LocalChannel {
  const share = shares.get(name) ?? new AppShare<LocalChannel>(name, new AppTraffic());
  shares.set(name, share);
  return new LocalChannel({ app: name, channel: on }, share);
}

/** A turn of the event loop writes to fewer sockets. */
const SLICE = TURN_WRITES + 2 * SHARE_WRITES;

const app = testApp();
const limits = { softBytes: 1000, hardBytes: 10_000 };
const shares = new Map<string, AppShare<LocalChannel>>();
let channel: LocalChannel;
let logger: FakeLogger;
let outbound: Outbound;
let fanOut: FanOut;
let count = 0;

beforeEach(() => {
  channel = new LocalChannel({ app: 'app-id', channel: 'orders' }, new AppShare('app-id', new AppTraffic()));
  logger = new FakeLogger();
  outbound = new Outbound(limits, new Refusals(logger, Date.now));
  fanOut = new FanOut({ outbound, latency: new DeliveryLatency() });
});

interface Subscriber {
  readonly socket: FakeSocket;
  readonly subscription: Subscription;
}

function held(socket = new FakeSocket(), to = channel): Subscriber {
  const connection = testConnection({ app, socketId: `${(count += 1)}.1`, socket, outbound });
  const subscription = new Subscription(connection, to.ref, undefined);
  to.hold(subscription);
  return { socket, subscription };
}

function joinedTo(to: LocalChannel, socket: FakeSocket): Subscriber {
  const subscriber = held(socket, to);
  fanOut.release(to, subscriber.subscription);
  return subscriber;
}

const joined = (socket = new FakeSocket()): Subscriber => joinedTo(channel, socket);

const crowd = (size: number, socket = new FakeSocket()): Subscriber[] =>
  Array.from({ length: size }, () => joined(socket));

const push = (payload: string, more: { except?: string; bestEffort?: boolean } = {}): void =>
  fanOut.push(channel, { payload, ...more });

describe('delivery', () => {
  test('3.13 each subscriber gets each event once, in order, with one write for the events of a turn', async () => {
    const subscribers = [joined(), joined(), joined()];
    for (const payload of ['a', 'b', 'c']) push(payload);
    expect(subscribers[0]?.socket.payloads).toEqual([]);
    await turn();
    for (const { socket } of subscribers) {
      expect(socket.payloads).toEqual(['a', 'b', 'c']);
      expect(socket.writes).toHaveLength(1);
    }
    expect(subscribers[0]?.socket.writes[0]).toEqual(subscribers[1]?.socket.writes[0]);
  });

  test('3.13 the excluded socket does not get the event', async () => {
    const [own, other] = [joined(), joined()];
    push('a', { except: own.subscription.connection.socketId });
    push('b');
    await turn();
    expect(own.socket.payloads).toEqual(['b']);
    expect(other.socket.payloads).toEqual(['a', 'b']);
  });

  test('3.13 sockets of different transports get the same events in their own framing', async () => {
    const [lines, marked] = [lineEncoder(), lineEncoder('~')];
    const subscribers = [lines, marked, lines, marked].map((wire) => joined(new FakeSocket(wire)));
    push('a');
    push('b');
    await turn();
    for (const { socket } of subscribers) expect(socket.payloads).toEqual(['a', 'b']);
    expect([lines.encoded, marked.encoded]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });

  test('3.4 a subscriber that is admitted while events are pending does not get them', async () => {
    joined();
    push('before');
    const late = joined();
    push('after');
    await turn();
    expect(late.socket.payloads).toEqual(['after']);
  });

  test('3.4 events for a subscriber that waits are kept, and come before all later ones', async () => {
    const waiting = held();
    push('a');
    push('b', { except: waiting.subscription.connection.socketId });
    await turn();
    push('c');
    expect(waiting.socket.payloads).toEqual([]);
    fanOut.release(channel, waiting.subscription);
    push('d');
    await turn();
    expect(waiting.socket.payloads).toEqual(['a', 'c', 'd']);
  });

  test('3.8 a subscriber that left gets nothing any more, also what was pending', async () => {
    const [gone, waiting, here] = [joined(), held(), joined()];
    push('a');
    channel.drop(gone.subscription);
    channel.drop(waiting.subscription);
    await turn();
    expect([gone.socket.payloads, waiting.socket.payloads]).toEqual([[], []]);
    expect(here.socket.payloads).toEqual(['a']);
  });

  test('2.13 nothing is written to a connection that is closing', async () => {
    const { socket, subscription } = joined();
    subscription.connection.closing = true;
    push('a');
    await turn();
    expect(socket.writes).toEqual([]);
  });
});

describe('sockets that read slowly', () => {
  test('5.3 above the soft limit they get no best effort, at the limit they do', async () => {
    const [slow, fair] = [joined(), joined()];
    slow.socket.bufferedBytes = limits.softBytes + 1;
    fair.socket.bufferedBytes = limits.softBytes;
    push('a', { bestEffort: true });
    push('b');
    await turn();
    expect(slow.socket.payloads).toEqual(['b']);
    expect(fair.socket.payloads).toEqual(['a', 'b']);
  });

  test('5.3 they get all other events, in order', async () => {
    const { socket } = joined();
    for (const payload of ['a', 'b', 'c', 'd']) {
      socket.bufferedBytes = payload === 'b' ? 2000 : 0;
      push(payload, { bestEffort: true });
      await turn();
    }
    expect(socket.payloads).toEqual(['a', 'c', 'd']);
  });

  test('3.13 above the hard limit they are disconnected and logged; no other socket is affected', async () => {
    const [stuck, other] = [joined(), joined()];
    stuck.socket.bufferedBytes = limits.hardBytes + 1;
    push('a');
    await turn();
    expect([stuck.socket.terminated, stuck.socket.payloads]).toEqual([true, ['a']]);
    expect(other.socket.payloads).toEqual(['a']);
    expect(logger.warnings).toHaveLength(1);
    push('b');
    await turn();
    expect(stuck.socket.payloads).toEqual(['a']);
    expect(logger.warnings).toHaveLength(1);
  });

  test('3.13 at the hard limit they stay connected', async () => {
    const { socket } = joined();
    socket.bufferedBytes = limits.hardBytes;
    push('a');
    await turn();
    expect([socket.terminated, socket.payloads]).toEqual([false, ['a']]);
  });
});

describe('several apps', () => {
  test('3.14 an event of a quiet app follows one share of an app with much to write', async () => {
    const written: string[] = [];
    const socketOf = (name: string): FakeSocket => {
      const socket = new FakeSocket();
      const write = socket.write.bind(socket);
      socket.write = (chunk) => {
        written.push(name);
        write(chunk);
      };
      return socket;
    };
    const busy = Array.from({ length: 20 }, (_, at) => openChannel('busy', `orders.${at}`));
    for (const each of busy) for (let at = 0; at < 300; at += 1) joinedTo(each, socketOf('busy'));
    const quiet = openChannel('quiet', 'orders');
    joinedTo(quiet, socketOf('quiet'));
    for (const each of [...busy, quiet]) fanOut.push(each, { payload: 'a' });
    await settled(12);
    expect(written).toHaveLength(6001);
    expect(written.indexOf('quiet')).toBeLessThanOrEqual(2 * SHARE_WRITES);
  });

  test('3.14 what waits is counted for the app until it is written', async () => {
    const { share } = channel;
    crowd(SLICE * 2);
    push('€uro');
    expect(share.traffic.waitingBytes).toBe(6);
    await turn();
    push('b');
    expect(share.traffic.waitingBytes).toBe(7);
    await settled(12);
    expect(share.traffic.waitingBytes).toBe(0);
  });
});

describe('large channels', () => {
  test('3.13 the event loop is free between slices', async () => {
    // Turns are longer where the rest of the event loop takes time.
    const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
    onTestFinished(() => clock.mockRestore());
    const socket = new FakeSocket();
    crowd(SLICE * 3, socket);
    push('a');
    const progress: number[] = [];
    for (let at = 0; at < 4; at += 1) {
      await turn();
      progress.push(socket.writes.length);
    }
    expect(progress.map((writes) => Math.ceil(writes / SLICE))).toEqual([1, 2, 3, 3]);
    expect(socket.writes).toHaveLength(SLICE * 3);
  });

  test('3.13 an event published during a fan-out waits for the one before it', async () => {
    const all = Array.from({ length: SLICE * 2 }, () => joined());
    push('a');
    await turn();
    push('b');
    await settled(12);
    expect(new Set(all.map(({ socket }) => socket.payloads.join()))).toEqual(new Set(['a,b']));
  });

  test('3.13 leaving during a fan-out moves other subscribers, and each still gets the event once', async () => {
    const all = Array.from({ length: SLICE * 2 }, () => joined());
    push('a');
    await turn();
    const gone = new Set(all.slice(0, 700));
    for (const { subscription } of gone) channel.drop(subscription);
    await settled(12);
    for (const subscriber of all.filter((each) => !gone.has(each)))
      expect(subscriber.socket.payloads).toEqual(['a']);
  });

  test('3.13 the last subscriber gets the event although another one leaves and it moves to the front', async () => {
    const [first] = crowd(SLICE);
    const last = joined();
    push('a');
    await turn();
    channel.drop(first!.subscription);
    await settled();
    expect(last.socket.payloads).toEqual(['a']);
  });

  test('3.8 the last subscriber does not get the event when it leaves as well', async () => {
    const [first] = crowd(SLICE);
    const last = joined();
    push('a');
    await turn();
    channel.drop(first!.subscription);
    channel.drop(last.subscription);
    await settled();
    expect(last.socket.payloads).toEqual([]);
  });

  test('3.13 subscribers that join and leave continuously do not delay the next event', async () => {
    const steady = joined();
    let guests = crowd(SLICE);
    for (const payload of ['a', 'b', 'c']) {
      push(payload);
      for (let at = 0; at < 10; at += 1) {
        await turn();
        const [first, ...others] = guests;
        if (first !== undefined) channel.drop(first.subscription);
        guests = [...others, joined()];
      }
    }
    expect(steady.socket.payloads).toEqual(['a', 'b', 'c']);
  });
});
