import { describe, expect, test, vi } from 'vitest';
import { EchoBook } from '../../../src/cutover/bridge/echo/echo-book.ts';
import { EchoFilter } from '../../../src/cutover/bridge/echo/echo-filter.ts';
import { Echoes } from '../../../src/cutover/bridge/echo/echoes.ts';
import { NodeNotes } from '../../../src/cutover/bridge/echo/node-notes.ts';
import { BRIDGE_LIMITS, type BridgeLimits } from '../../../src/cutover/bridge/limits.ts';
import type { ForwardedEvent } from '../../../src/cutover/bridge/ports/echoes.ts';
import type { SubscriptionState } from '../../../src/cutover/bridge/ports/receiver.ts';
import { BridgeCounters } from '../../../src/cutover/bridge/status/counters.ts';
import type { ServerFrame } from '../../../src/cutover/client/server-frame.ts';
import { openMemoryStores } from '../../../src/stores/memory/index.ts';
import { deferred } from '../../core/fakes.ts';
import { eventually } from '../../support/wire.ts';
import { sleep } from '../../../src/core/util/time.ts';

const event = (data: string): ForwardedEvent => ({ channel: 'c', name: 'e', data });

const frame = (data: string): ServerFrame => ({
  event: 'e',
  data,
  dataJson: JSON.stringify(data),
  channel: 'c',
  userId: undefined,
  text: data,
});

/** The echoes of two nodes of one cluster. */
function openNodes(changed: Partial<BridgeLimits> = {}) {
  const limits = { ...BRIDGE_LIMITS, settleMs: 10, ...changed };
  const { broker } = openMemoryStores();
  const nodes = [0, 1].map(() => {
    const counters = new BridgeCounters();
    const node = {
      subscription: 'confirmed' as SubscriptionState,
      barrier: Promise.resolve(),
      delivered: [] as string[],
    };
    const book = new EchoBook(limits.echoes);
    const notes = new NodeNotes({ app: 'a', broker, limits });
    const next = { event: (_: string, { text }: ServerFrame) => void node.delivered.push(text) };
    const filter = new EchoFilter({ book, notes, counters, mostHeld: limits.heldFrames, next });
    const echoes = new Echoes({
      limits,
      counters,
      book,
      notes,
      filter,
      subscriptionOf: () => node.subscription,
      barrier: () => node.barrier,
    });
    void echoes.start();
    const receive = (data: string): void => filter.receive('c', frame(data));
    return Object.assign(node, { echoes, notes, book, counters, receive });
  });
  void broker.start((ref, { payload }) => nodes.forEach(({ notes }) => notes.receive(ref, payload)));
  type Node = (typeof nodes)[number];
  return nodes as [Node, Node];
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('echoes from the upstream', () => {
  test('11.8 every node drops one echo, and delivers an equal event that is not an echo', async () => {
    const nodes = openNodes();
    const pending = await nodes[0].echoes.announce([event('x')]);
    for (const { receive } of nodes) ['x', 'x', 'y'].forEach(receive);
    await turn();
    for (const { delivered, counters } of nodes) {
      expect(delivered).toEqual(['x', 'y']);
      expect(counters.counts.echoesDropped).toBe(1);
    }
    nodes[0].echoes.answered(pending);
    expect(nodes.map(({ book }) => book.size)).toEqual([0, 0]);
  });

  test('11.8 an echo that has not arrived by the pong after the answer is not awaited any more', async () => {
    const nodes = openNodes();
    const barrier = deferred();
    for (const node of nodes) node.barrier = barrier.promise;
    const pending = await nodes[0].echoes.announce([event('x')]);
    nodes[0].echoes.answered(pending);
    await sleep(50);
    expect(nodes.map(({ book }) => book.size)).toEqual([1, 1]);
    barrier.release();
    await eventually(() => nodes.every(({ book }) => book.size === 0), 'settled');
    for (const { receive } of nodes) receive('x');
    await turn();
    expect(nodes.map(({ delivered }) => delivered)).toEqual([['x'], ['x']]);
  });

  test('11.8 a node awaits no echo without a subscription, and not for long with a pending one', async () => {
    const [a, b] = openNodes({ settleMs: 60_000 });
    a.subscription = 'none';
    b.subscription = 'pending';
    a.echoes.answered(await a.echoes.announce([event('x')]));
    expect(a.book.size).toBe(0);
    await eventually(() => b.book.size === 0, 'settled at once');
  });

  test('11.8 a request that is sent again awaits its echo once', async () => {
    const [a, b] = openNodes();
    const pending = await a.echoes.announce([event('x'), event('y')]);
    await a.echoes.announce([event('x'), event('y')], pending);
    expect([a.book.size, b.book.size]).toEqual([2, 2]);
    a.receive('y');
    expect([0, 1].map((at) => a.echoes.deliveryOf(pending, at))).toEqual(['not delivered', 'delivered']);
    a.echoes.lost('c');
    b.echoes.lost('c');
    expect(a.echoes.deliveryOf(pending, 0)).toBe('unknown');
    await a.echoes.announce([event('x'), event('y')], pending);
    expect([a.book.size, b.book.size]).toEqual([1, 2]);
  });

  test('11.8 echoes announced by a node that ended are given up', async () => {
    const [a, b] = openNodes();
    await a.echoes.announce([event('x')]);
    expect(b.book.size).toBe(1);
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 61_000);
    b.echoes.tick();
    vi.restoreAllMocks();
    await eventually(() => b.book.size === 0, 'given up');
  });

  test('11.8 10,000 events leave no echo in the book; echoes beyond its size are counted', async () => {
    const [a, b] = openNodes({ echoes: 100 });
    for (let at = 0; at < 10_000; at += 1) {
      const pending = await a.echoes.announce([event(`${at}`)]);
      for (const { receive } of [a, b]) receive(`${at}`);
      a.echoes.answered(pending);
    }
    expect([a.book.size, b.book.size]).toEqual([0, 0]);
    expect([a.delivered, b.delivered]).toEqual([[], []]);
    for (let at = 0; at < 101; at += 1) await a.echoes.announce([event('z')]);
    expect(a.book.size).toBe(100);
    expect(a.counters.dropped).toEqual({ 'too-many-echoes': 1 });
  });

  test('11.8 invalid notes are ignored, and an event of another channel is never read as a note', () => {
    const received = vi.fn();
    const { broker } = openMemoryStores();
    const notes = new NodeNotes({ app: 'a', broker, limits: BRIDGE_LIMITS });
    void notes.start({ foreignExpected: received, foreignAnswered: received });
    const ref = { app: 'a', channel: '#bridge' };
    const texts = [
      '',
      '{}',
      '{"kind":"expect","id":"x","copies":[]}',
      'wavehall-bridge ',
      'wavehall-bridge [7]',
    ];
    for (const text of texts) expect(notes.receive(ref, text)).toBe(true);
    notes.receive(ref, 'wavehall-bridge {"kind":"expect","id":"x","copies":[7,["c"],["c","k",3]]}');
    expect(received.mock.calls).toEqual([['x', [{ channel: 'c', key: 'k', user: undefined }]]]);
    expect(notes.receive({ app: 'a', channel: 'c' }, 'wavehall-bridge {}')).toBe(false);
  });
});
