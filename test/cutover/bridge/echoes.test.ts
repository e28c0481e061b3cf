import { describe, expect, test, vi } from 'vitest';
import { Echoes, type SubscriptionState } from '../../../src/cutover/bridge/echo/echoes.ts';
import { echoKey, type ServerFrame } from '../../../src/cutover/bridge/frame.ts';
import { LIMITS, type BridgeLimits } from '../../../src/cutover/bridge/limits.ts';
import { NodeNotes, type Copy } from '../../../src/cutover/bridge/echo/node-notes.ts';
import { BridgeCounters } from '../../../src/cutover/bridge/state.ts';
import { openMemoryStores } from '../../../src/stores/memory/index.ts';
import { held } from '../../core/fakes.ts';
import { eventually } from '../../support/wire.ts';

const copy = (data: string, channel = 'c'): Copy => ({ channel, key: echoKey('e', data), user: undefined });

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
  const limits = { ...LIMITS, settleMs: 10, ...changed };
  const { broker } = openMemoryStores();
  const nodes = [0, 1].map(() => {
    const counters = new BridgeCounters();
    const node = {
      hearing: 'yes' as SubscriptionState,
      barrier: Promise.resolve(),
      delivered: [] as string[],
    };
    const echoes = new Echoes({
      limits,
      counters,
      notes: (receiver) => new NodeNotes({ app: 'a', broker, limits, receiver }),
      subscriptionOf: () => node.hearing,
      barrier: () => node.barrier,
    });
    const hear = (data: string): void => echoes.hear('c', frame(data), () => node.delivered.push(data));
    return Object.assign(node, { echoes, counters, hear });
  });
  void broker.start((ref, { payload }) => nodes.forEach(({ echoes }) => echoes.notes.receive(ref, payload)));
  type Node = (typeof nodes)[number];
  return nodes as [Node, Node];
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('what is awaited from the other side', () => {
  test('11.8 every node drops its own echo, and delivers what equals it but is none', async () => {
    const nodes = openNodes();
    const ticket = await nodes[0].echoes.announce([copy('x')]);
    for (const { hear } of nodes) ['x', 'x', 'y'].forEach(hear);
    await turn();
    for (const { delivered, counters } of nodes) {
      expect(delivered).toEqual(['x', 'y']);
      expect(counters.counts.echoesDropped).toBe(1);
    }
    nodes[0].echoes.answered(ticket);
    expect(nodes.map(({ echoes }) => echoes.expected)).toEqual([0, 0]);
  });

  test('11.8 what did not come until the pong after the answer is awaited no longer', async () => {
    const nodes = openNodes();
    const barrier = held();
    for (const node of nodes) node.barrier = barrier.promise;
    const ticket = await nodes[0].echoes.announce([copy('x')]);
    nodes[0].echoes.answered(ticket);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(nodes.map(({ echoes }) => echoes.expected)).toEqual([1, 1]);
    barrier.release();
    await eventually(() => nodes.every(({ echoes }) => echoes.expected === 0), 'settled');
    for (const { hear } of nodes) hear('x');
    await turn();
    expect(nodes.map(({ delivered }) => delivered)).toEqual([['x'], ['x']]);
  });

  test('11.8 who does not hear the channel awaits nothing; who may hear it does not wait long', async () => {
    const [a, b] = openNodes({ settleMs: 60_000 });
    a.hearing = 'no';
    b.hearing = 'soon';
    a.echoes.answered(await a.echoes.announce([copy('x')]));
    expect(a.echoes.expected).toBe(0);
    await eventually(() => b.echoes.expected === 0, 'settled at once');
  });

  test('11.8 a request that is made again awaits its echo once', async () => {
    const [a, b] = openNodes();
    const ticket = await a.echoes.announce([copy('x'), copy('y')]);
    await a.echoes.announce([copy('x'), copy('y')], ticket);
    expect([a.echoes.expected, b.echoes.expected]).toEqual([2, 2]);
    a.hear('y');
    expect([0, 1].map((at) => a.echoes.deliveryOf(ticket, at))).toEqual(['not carried out', 'carried out']);
    a.echoes.lost('c');
    b.echoes.lost('c');
    expect(a.echoes.deliveryOf(ticket, 0)).toBe('unknown');
    await a.echoes.announce([copy('x'), copy('y')], ticket);
    expect([a.echoes.expected, b.echoes.expected]).toEqual([1, 2]);
  });

  test('11.8 a node that ended in the middle is not waited for for ever', async () => {
    const [a, b] = openNodes();
    await a.echoes.announce([copy('x')]);
    expect(b.echoes.expected).toBe(1);
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 61_000);
    b.echoes.tick();
    vi.restoreAllMocks();
    await eventually(() => b.echoes.expected === 0, 'given up');
  });

  test('11.8 ten thousand events leave nothing behind; more than there is room for are counted', async () => {
    const [a, b] = openNodes({ echoes: 100 });
    for (let at = 0; at < 10_000; at += 1) {
      const ticket = await a.echoes.announce([copy(`${at}`)]);
      for (const { hear } of [a, b]) hear(`${at}`);
      a.echoes.answered(ticket);
    }
    expect([a.echoes.expected, b.echoes.expected]).toEqual([0, 0]);
    expect([a.delivered, b.delivered]).toEqual([[], []]);
    for (let at = 0; at < 101; at += 1) await a.echoes.announce([copy('z')]);
    expect(a.echoes.expected).toBe(100);
    expect(a.counters.dropped).toEqual({ 'too-many-echoes': 1 });
  });

  test('11.8 no event can be taken for a note', () => {
    const expectNothing = vi.fn();
    const { broker } = openMemoryStores();
    const receiver = { expect: expectNothing, answered: expectNothing };
    const notes = new NodeNotes({ app: 'a', broker, limits: LIMITS, receiver });
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
    expect(expectNothing.mock.calls).toEqual([['x', [{ channel: 'c', key: 'k', user: undefined }]]]);
    expect(notes.receive({ app: 'a', channel: 'c' }, 'wavehall-bridge {}')).toBe(false);
  });
});
