/** Messages of nodes that are behind, with a clock that the test sets; no Redis. */
import { describe, expect, test } from 'vitest';
import { CALM, type NodeLoad } from '../../../src/core/ports/nodes/cluster-load.ts';
import type { RefusalReason } from '../../../src/core/refusals/reasons.ts';
import { BEHIND_DELAY_MS, LoadReport } from '../../../src/server/health/load-report.ts';
import { decodeLoad, encodeLoad } from '../../../src/stores/redis/health/load/load-message.ts';
import { NodesBehind } from '../../../src/stores/redis/health/load/nodes-behind.ts';
import { decodeNumbered } from '../../../src/stores/redis/health/loss/numbered-message.ts';

const MESSAGE = {
  from: 'node-0000001',
  scope: 'abc',
  delayMs: 250,
  refused: 3,
  memoryShort: false,
};
const decode = (fields: object): unknown => decodeLoad(Buffer.from(JSON.stringify(fields)));
const sent = { version: 1, ...MESSAGE };

describe('a message', () => {
  test('12.4 is read as it was sent', () => {
    expect(JSON.parse(encodeLoad(MESSAGE))).toEqual(sent);
    expect(decodeLoad(Buffer.from(encodeLoad(MESSAGE)))).toEqual(MESSAGE);
  });

  test('12.4 of a newer node is read without its further fields', () => {
    expect(decode({ ...sent, cpu: 0.9, region: { name: 'eu' } })).toEqual(MESSAGE);
  });

  test('12.4 of a higher version is ignored, and is not invalid', () => {
    expect(decode({ version: 2 })).toBe('newer');
    expect(decode({ ...sent, version: 2, delayMs: '250' })).toBe('newer');
  });

  test.each([
    ['a list', []],
    ['nothing', null],
    ['no version', MESSAGE],
    ['version 0', { ...sent, version: 0 }],
    ['a version in words', { ...sent, version: '1' }],
    ['a short name', { ...sent, from: 'node' }],
    ['a name with other characters', { ...sent, from: 'node 0000001' }],
    ['no scope', { ...sent, scope: undefined }],
    ['a negative delay', { ...sent, delayMs: -1 }],
    ['a delay with a fraction', { ...sent, delayMs: 1.5 }],
    ['a delay that is no number', { ...sent, delayMs: '250' }],
    ['no refusals', { ...sent, refused: undefined }],
    ['a number for memory', { ...sent, memoryShort: 1 }],
  ])('12.4 with %s is invalid', (_, fields) => {
    expect(decode(fields as object)).toBeUndefined();
  });

  test('12.4 that is no JSON is invalid', () => {
    for (const text of ['', '{', '"a"', 'version', '\0'])
      expect(decodeLoad(Buffer.from(text))).toBeUndefined();
  });

  test('12.4 has 512 bytes at most', () => {
    const lengthened = (bytes: number): Buffer => {
      const padding = bytes - Buffer.byteLength(JSON.stringify({ ...sent, more: '' }));
      return Buffer.from(JSON.stringify({ ...sent, more: 'x'.repeat(padding) }));
    };
    expect(lengthened(512)).toHaveLength(512);
    expect(decodeLoad(lengthened(512))).toEqual(MESSAGE);
    expect(decodeLoad(lengthened(513))).toBeUndefined();
  });

  test('12.1 is none of the numbered messages, which have exactly five fields', () => {
    expect(decodeNumbered(Buffer.from(encodeLoad(MESSAGE)))).toBeUndefined();
  });
});

describe('a node', () => {
  test('12.4 is behind for 3 seconds after its last message', () => {
    const nodes = new NodesBehind();
    expect(nodes.count(0)).toBe(0);
    nodes.add('a', 1000);
    nodes.add('b', 2000);
    nodes.add('a', 2500);
    expect([nodes.count(4999), nodes.count(5000), nodes.count(5499), nodes.count(5500)]).toEqual([
      2, 1, 1, 0,
    ]);
  });

  test('12.4 is behind until it takes it back', () => {
    const nodes = new NodesBehind();
    nodes.add('a', 1000);
    nodes.add('b', 1000);
    nodes.remove('a');
    nodes.remove('c');
    expect(nodes.count(1000)).toBe(1);
  });

  test('12.4 is one of 1000 at most: a further one takes the place of the one that was silent longest', () => {
    const nodes = new NodesBehind();
    for (let at = 0; at < 1000; at += 1) nodes.add(`node ${at}`, at);
    expect(nodes.count(1000)).toBe(1000);
    nodes.add('one more', 1000);
    expect(nodes.count(1000)).toBe(1000);
    // The first is gone, the second is still there.
    expect([nodes.count(3000), nodes.count(3001)]).toEqual([1000, 999]);
  });
});

/** A node whose delay and refusals the test sets. */
function node() {
  const reports: NodeLoad[] = [];
  const state = { delayMs: 0, isFull: false, totals: {} as Partial<Record<RefusalReason, number>> };
  const report = new LoadReport({
    clusterLoad: { report: (load) => void reports.push(load), nodesBehind: 0 },
    refusals: { totalOf: (reason) => state.totals[reason] ?? 0 },
    heap: {
      get isFull() {
        return state.isFull;
      },
    },
    loop: { start: () => undefined, stop: () => undefined, takeMs: () => state.delayMs },
  });
  return { reports, state, tick: () => report.tick(), stop: () => report.stop() };
}

describe('a node that is behind', () => {
  test('12.4 says so after two seconds of delay, and not after a single one', () => {
    const { reports, state, tick } = node();
    const delays = [0, 500, 0, BEHIND_DELAY_MS, 500, BEHIND_DELAY_MS - 1, 500, 500];
    const said = delays.map((delayMs) => {
      state.delayMs = delayMs;
      tick();
      return reports.splice(0).map((load) => load.delayMs);
    });
    // With 0 it takes it back.
    expect(said).toEqual([[], [], [], [], [BEHIND_DELAY_MS], [0], [], [500]]);
  });

  test.each(['server_full', 'sockets_full', 'memory_short'] as const)(
    '12.4 says so for two seconds after it refused clients: %s',
    (reason) => {
      const { reports, state, tick } = node();
      tick();
      state.totals = { [reason]: 3, origin: 100 };
      for (let second = 0; second < 3; second += 1) tick();
      expect(reports).toEqual([
        { delayMs: 0, refused: 3, memoryShort: false },
        { delayMs: 0, refused: 3, memoryShort: false },
        CALM,
      ]);
    },
  );

  test('12.4 says so while its memory is short', () => {
    const { reports, state, tick } = node();
    state.isFull = true;
    tick();
    state.isFull = false;
    tick();
    tick();
    expect(reports).toEqual([{ delayMs: 0, refused: 0, memoryShort: true }, CALM]);
  });

  test('12.4 takes it back when it stops, and says nothing then if it was not behind', () => {
    const [behind, calm] = [node(), node()];
    behind.state.isFull = true;
    for (const each of [behind, calm]) {
      each.tick();
      each.stop();
    }
    expect(behind.reports).toEqual([{ delayMs: 0, refused: 0, memoryShort: true }, CALM]);
    expect(calm.reports).toEqual([]);
  });
});
