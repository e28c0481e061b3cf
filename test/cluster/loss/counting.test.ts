/** Counting of numbered messages, with a clock that the test sets; no Redis. */
import { describe, expect, test } from 'vitest';
import type { NodePair } from '../../../src/core/ports/nodes/loss-meter.ts';
import {
  decodeNumbered,
  encodeNumbered,
  type NumberedMessage,
} from '../../../src/stores/redis/health/loss/numbered-message.ts';
import { OwnNumbers } from '../../../src/stores/redis/health/loss/own-numbers.ts';
import { Senders } from '../../../src/stores/redis/health/loss/senders.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

const SEED = Number(process.env.WAVEHALL_TEST_SEED ?? 20_261_129);
/** Milliseconds by which the clock of the sender is ahead. */
const CLOCK_AHEAD_MS = 1_000_000;
const nameOf = (index: number): string => `node-${`${index}`.padStart(7, '0')}`;
const NODE = nameOf(1);

/** One receiving node; time goes on by whole seconds. */
class Receiver {
  readonly senders = new Senders();
  nowMs = 50_000;

  constructor() {
    this.senders.tick(this.nowMs, true);
  }

  /** Receives a message that took `delayMs`. */
  receive(number: number, { from = NODE, attempt = 1, delayMs = 5 } = {}): boolean {
    const sentMs = this.nowMs + CLOCK_AHEAD_MS - delayMs;
    return this.senders.receive({ from, scope: '', number, attempt, sentMs }, this.nowMs);
  }

  pass(seconds: number, isListening = true): void {
    for (let second = 0; second < seconds; second += 1) {
      this.nowMs += 1000;
      this.senders.tick(this.nowMs, isListening);
    }
  }

  /** Receives these numbers, one a second. */
  receiveAll(first: number, last: number, from = NODE): void {
    for (let number = first; number <= last; number += 1) {
      this.receive(number, { from });
      this.pass(1);
    }
  }

  pair(from = NODE): NodePair | undefined {
    return this.senders.pairs(this.nowMs).find((pair) => pair.from === from);
  }

  get names(): string[] {
    return this.senders.pairs(this.nowMs).map(({ from }) => from);
  }
}

const counts = (received: number, lost = 0, doubled = 0, late = 0) => ({ received, lost, doubled, late });

describe('one sender', () => {
  test('12.2 numbers without a gap are received, from the first one that is heard', () => {
    const node = new Receiver();
    node.receiveAll(41, 140);
    expect(node.pair()).toEqual({ from: NODE, ...counts(100), lastSeconds: 1 });
  });

  test('12.2 a number before the first one that was heard counts as nothing', () => {
    const node = new Receiver();
    for (const number of [10, 9, 11, 1]) expect(node.receive(number)).toBe(true);
    node.pass(10);
    expect(node.pair()).toMatchObject(counts(2));
  });

  test('12.2 a gap is lost only after 5 seconds in which it was not filled', () => {
    const node = new Receiver();
    node.receiveAll(1, 3);
    node.receive(6);
    node.pass(4);
    expect(node.pair()).toMatchObject(counts(4));
    node.pass(1);
    expect(node.pair()).toMatchObject(counts(4, 2));
    node.receiveAll(7, 20);
    expect(node.pair()).toMatchObject(counts(18, 2));
  });

  test('12.2 a number that fills a gap in time is late, not lost', () => {
    const node = new Receiver();
    for (const number of [1, 2, 5, 3, 4, 6]) node.receive(number);
    node.pass(20);
    expect(node.pair()).toMatchObject(counts(6, 0, 0, 2));
  });

  test('12.2 a number that arrives after it was counted as lost stays lost, and is late', () => {
    const node = new Receiver();
    node.receive(1);
    node.receive(3);
    node.pass(5);
    node.receive(2);
    node.pass(5);
    expect(node.pair()).toMatchObject(counts(2, 1, 0, 1));
  });

  test('12.2 a message that arrives again is doubled each time', () => {
    const node = new Receiver();
    for (const number of [1, 2, 2, 3, 1, 1]) node.receive(number);
    expect(node.pair()).toMatchObject(counts(3, 0, 3));
  });

  test('12.2 a further attempt of the sender is neither doubled nor lost', () => {
    const node = new Receiver();
    node.receive(1);
    node.receive(2);
    node.receive(2, { attempt: 2 });
    node.receive(3, { attempt: 4 });
    node.receive(3, { attempt: 1 });
    node.receive(4);
    node.pass(10);
    expect(node.pair()).toMatchObject(counts(4));
  });

  test('12.2 a message that took a second longer than the quickest is late, whatever the clocks show', () => {
    const node = new Receiver();
    for (const [number, delayMs] of [
      [1, 5],
      [2, 1004],
      [3, 1005],
      [4, 3000],
      [5, 4],
    ] as const)
      node.receive(number, { delayMs });
    expect(node.pair()).toMatchObject(counts(5, 0, 0, 2));
  });

  test('12.2 delays are compared with those of the last 60 messages', () => {
    const node = new Receiver();
    node.receive(1, { delayMs: 0 });
    for (let number = 2; number <= 61; number += 1) node.receive(number, { delayMs: 2000 });
    expect(node.pair()).toMatchObject(counts(61, 0, 0, 59));
    node.receive(62, { delayMs: 2000 });
    expect(node.pair()).toMatchObject(counts(62, 0, 0, 59));
  });

  test('12.2 messages missed in a long outage are lost, though no longer remembered one by one', () => {
    const node = new Receiver();
    node.receiveAll(1, 10);
    node.pass(3600, false);
    node.receive(3611);
    expect(node.pair()).toMatchObject(counts(11, 3600 - 63));
    node.pass(5);
    expect(node.pair()).toMatchObject(counts(11, 3600));
  });

  test('12.2 a gap waits while this node is disconnected, and after a stall of its process', () => {
    const node = new Receiver();
    node.receive(1);
    node.receive(3);
    node.pass(60, false);
    expect(node.pair()).toMatchObject(counts(2));
    node.nowMs += 60_000;
    node.senders.tick(node.nowMs, true);
    node.receive(2);
    node.pass(10);
    expect(node.pair()).toMatchObject(counts(3, 0, 0, 1));
  });

  test('12.2 the highest numbers are counted exactly', () => {
    const node = new Receiver();
    const last = Number.MAX_SAFE_INTEGER;
    for (const number of [last - 4, last - 3, last - 1, last, last]) expect(node.receive(number)).toBe(true);
    node.pass(5);
    expect(node.pair()).toMatchObject(counts(4, 1, 1));
  });

  test(`12.2 received and lost add up to the numbers sent, in any order and with doubles (seed ${SEED})`, () => {
    const random = new SeededRandom(SEED);
    const node = new Receiver();
    node.receive(1);
    let [arrived, doubled] = [1, 0];
    const last = 3000;
    for (let number = 2; number < last; number += 4) {
      // A few seconds may arrive in any order.
      const some = [0, 1, 2, 3].map((ahead) => number + ahead).sort(() => random.below(3) - 1);
      for (const each of some.filter((one) => one < last)) {
        if (random.below(10) === 0) continue;
        arrived += 1;
        node.receive(each);
        if (random.below(10) > 0) continue;
        doubled += 1;
        node.receive(each);
      }
      node.pass(4);
    }
    node.receive(last);
    node.pass(5);
    expect(node.pair()).toMatchObject({ received: arrived + 1, lost: last - arrived - 1, doubled });
    expect(doubled).toBeGreaterThan(100);
    expect(last - arrived).toBeGreaterThan(100);
  });
});

describe('a new incarnation', () => {
  test('12.2 a restarted node has a new name, and nothing counts as lost', () => {
    const node = new Receiver();
    node.receiveAll(1, 500);
    node.receiveAll(1, 20, nameOf(2));
    expect(node.pair()).toMatchObject(counts(500));
    expect(node.pair(nameOf(2))).toMatchObject(counts(20));
  });

  test('12.2 a silent node is forgotten after 10 minutes in which its messages could have arrived', () => {
    const node = new Receiver();
    node.receive(1);
    node.pass(900, false);
    node.pass(599);
    expect(node.pair()?.lastSeconds).toBe(1499);
    node.pass(1);
    expect(node.pair()).toBeUndefined();
    node.receive(700);
    node.pass(10);
    expect(node.pair()).toMatchObject(counts(1));
  });
});

describe('hostile messages', () => {
  const message: NumberedMessage = { from: NODE, scope: 'all-x', number: 3, attempt: 1, sentMs: 12 };
  const changed = (change: Record<string, unknown>): string => JSON.stringify({ ...message, ...change });

  test('12.3 a message is decoded as it was encoded', () => {
    expect(decodeNumbered(Buffer.from(encodeNumbered(message)))).toEqual(message);
  });

  test.each([
    '',
    'null',
    '[]',
    '7',
    '"text"',
    '{}',
    '{"from":',
    changed({ more: 1 }),
    changed({ from: 'other' }),
    changed({ from: 'x'.repeat(13) }),
    changed({ from: 'node\n0000001' }),
    changed({ from: 7 }),
    changed({ from: ['node-0000001'] }),
    changed({ scope: 7 }),
    changed({ scope: 'x'.repeat(500) }),
    changed({ scope: undefined }),
    ...[0, -1, 1.5, '3', null, 2 ** 53, 1e300].map((number) => changed({ number })),
    ...[0, '1', 2 ** 60].map((attempt) => changed({ attempt })),
    ...[-1, 0.5, null].map((sentMs) => changed({ sentMs })),
    encodeNumbered(message).replace('3', '9'.repeat(40)),
    ' '.repeat(600) + encodeNumbered(message),
  ])('12.3 %j is invalid', (text) => {
    expect(decodeNumbered(Buffer.from(text))).toBeUndefined();
  });

  test('12.3 a number of more than a day ahead is refused, and the count goes on', () => {
    const node = new Receiver();
    node.receiveAll(1, 3);
    expect(node.receive(3 + 86_401)).toBe(false);
    expect(node.receive(Number.MAX_SAFE_INTEGER)).toBe(false);
    node.receiveAll(4, 10);
    expect(node.pair()).toMatchObject(counts(10));
    expect(node.receive(10 + 86_400)).toBe(true);
  });

  test('12.3 after an invented number, the real ones are counted again within a minute', () => {
    const node = new Receiver();
    node.receiveAll(1, 10);
    node.receive(10 + 86_400);
    node.receiveAll(11, 100);
    const { received = 0, lost = 0 } = node.pair() ?? {};
    expect(received).toBeGreaterThan(10 + 1 + 25);
    node.receiveAll(101, 110);
    expect(node.pair()).toMatchObject({ received: received + 10, lost });
  });

  test('12.3 a time of sending that is invented does not stop the count', () => {
    const node = new Receiver();
    node.receiveAll(1, 10);
    node.receive(11, { delayMs: -1e15 });
    node.receive(12, { delayMs: 1e15 });
    node.receiveAll(13, 120);
    node.receiveAll(121, 130);
    expect(node.pair()).toMatchObject({ received: 130, lost: 0, late: 59 });
  });
});

describe('many senders', () => {
  test('12.3 100 nodes have a name, and further ones are summed as other', () => {
    const node = new Receiver();
    for (let index = 1; index <= 100; index += 1) node.receive(1, { from: nameOf(index) });
    expect(node.names).toEqual(Array.from({ length: 100 }, (_, index) => nameOf(index + 1)));
    for (const index of [101, 102])
      for (const number of [1, 3]) node.receive(number, { from: nameOf(index) });
    node.pass(7);
    expect(node.names).toHaveLength(101);
    expect(node.pair('other')).toEqual({ from: 'other', ...counts(4, 2), lastSeconds: 7 });
  });

  test('12.3 a name that becomes free goes to the node that waited longest; the sum of the others never falls', () => {
    const node = new Receiver();
    for (let index = 1; index <= 102; index += 1) node.receive(1, { from: nameOf(index) });
    for (let second = 0; second < 600; second += 1) {
      for (let index = 2; index <= 102; index += 1) node.receive(2 + second, { from: nameOf(index) });
      node.pass(1);
    }
    expect(node.pair(nameOf(1))).toBeUndefined();
    expect(node.pair(nameOf(101))).toMatchObject(counts(0));
    expect(node.pair('other')).toMatchObject(counts(2 * 601));
    for (const index of [101, 102]) node.receive(602, { from: nameOf(index) });
    expect(node.pair(nameOf(101))).toMatchObject(counts(1));
    expect(node.pair('other')).toMatchObject(counts(2 * 601 + 1));
    node.pass(700);
    expect(node.names).toEqual(['other']);
    expect(node.pair('other')).toMatchObject(counts(2 * 601 + 1));
  });

  test('12.3 the numbers of 1,000 nodes are checked, and those of further ones are refused', () => {
    const node = new Receiver();
    for (let index = 1; index <= 1000; index += 1)
      expect(node.receive(1, { from: nameOf(index) })).toBe(true);
    expect(node.receive(1, { from: nameOf(1001) })).toBe(false);
    expect(node.pair('other')).toMatchObject(counts(900));
    expect(node.receive(2, { from: nameOf(1000) })).toBe(true);
    node.pass(600);
    expect(node.receive(1, { from: nameOf(1001) })).toBe(true);
    expect(node.names).toEqual([nameOf(1001), 'other']);
  });
});

describe('the sender', () => {
  test('12.1 numbers grow by one with each message that Redis confirmed', () => {
    const own = new OwnNumbers();
    for (const number of [1, 2, 3]) {
      const message = own.next('s', number * 1000);
      expect(message).toEqual({ from: own.name, scope: 's', number, attempt: 1, sentMs: number * 1000 });
      own.confirm(message);
    }
  });

  test('12.1 a message that Redis did not confirm is sent again with its number', () => {
    const own = new OwnNumbers();
    const first = own.next('', 0);
    expect(own.next('', 0)).toMatchObject({ number: 1, attempt: 2 });
    own.confirm(first);
    own.confirm(first);
    expect(own.next('', 0)).toMatchObject({ number: 2, attempt: 1 });
  });

  test('12.1 after the highest number, and in another installation, the numbers begin anew under another name', () => {
    const own = new OwnNumbers(Number.MAX_SAFE_INTEGER - 1);
    const { name } = own;
    const sent = [0, 1, 2].map((at) => {
      const message = own.next('s', at);
      own.confirm(message);
      return message;
    });
    expect(sent.map(({ number }) => number)).toEqual([
      Number.MAX_SAFE_INTEGER - 1,
      Number.MAX_SAFE_INTEGER,
      1,
    ]);
    expect(sent.map(({ from }) => from === name)).toEqual([true, true, false]);
    expect(own.next('t', 3)).toMatchObject({ number: 1, attempt: 1 });
    expect(new Set([name, sent[2]?.from, own.name]).size).toBe(3);
  });

  test('12.1 the lag of a message is measured once, and only for one that was sent', () => {
    const own = new OwnNumbers();
    const message = own.next('', 1000.25);
    expect(own.lagMs({ ...message, number: 2 }, 1001)).toBeUndefined();
    expect(own.lagMs({ ...message, from: NODE }, 1001)).toBeUndefined();
    expect(own.lagMs(message, 1001.5)).toBe(1.25);
    expect(own.lagMs(message, 1002)).toBeUndefined();
  });
});
