import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Outgoing } from '../../../src/transports/http-fallback/outgoing.ts';
import { PING_LOST_MS } from '../../../src/transports/http-fallback/receipts.ts';
import { markIn } from '../../../src/transports/http-fallback/request-mark.ts';
import type { ReceiverKind } from '../../../src/transports/http-fallback/receiver.ts';
import { FakeReceiver } from './fake-receiver.ts';

const RENEWAL = 256 * 1024;
const NEVER_MS = 1e9;

/** A session, the receipts that were confirmed, and its newest response. */
function open() {
  const confirmed: number[] = [];
  const outgoing = new Outgoing((receipt) => confirmed.push(receipt));
  const attach = (kind: ReceiverKind): FakeReceiver => {
    const receiver = new FakeReceiver(kind);
    outgoing.attach(receiver);
    return receiver;
  };
  return { confirmed, outgoing, attach };
}

const line = (text: string): Buffer => Buffer.from(`${text}\n`);
const pingsIn = ({ text }: FakeReceiver): number => text.split('pusher:ping').length - 1;

describe('a request that a browser sends again', () => {
  test.each(['xhr_polling', 'xhr_streaming'] as const)(
    '10.4 is refused when its first answer had lines: %s',
    async (kind) => {
      const { confirmed, outgoing } = open();
      expect(outgoing.attach(new FakeReceiver(kind, '1_1'))).toBe(true);
      expect(outgoing.attach(new FakeReceiver(kind, '1_1'))).toBe(true);
      outgoing.write(line('a'));
      await turn();
      outgoing.askForReceipt(1);
      expect(outgoing.attach(new FakeReceiver(kind, '1_1'))).toBe(false);
      expect(confirmed).toEqual([]);
    },
  );

  test('10.4 is another one when its mark differs, or when it has none', async () => {
    const { outgoing } = open();
    for (const mark of ['1_1', '1_2', undefined, undefined]) {
      outgoing.write(line('a'));
      expect(outgoing.attach(new FakeReceiver('xhr_polling', mark))).toBe(true);
      await turn();
    }
  });

  test.each([
    ['/app/k/1/s/xhr?protocol=7&t=1764400000000&n=12', '1764400000000_12'],
    ['/app/k/1/s/xhr?protocol=7', undefined],
    ['/app/k/1/s/xhr?t=1764400000000', undefined],
    ['/app/k/1/s/xhr?t=12345678901234&n=123456789', '12345678901234_123456789'],
    ['/app/k/1/s/xhr?t=123456789012345&n=1', undefined],
    ['/app/k/1/s/xhr?t=1&n=1234567890', undefined],
    ['/app/k/1/s/xhr?t=1&n=x', undefined],
  ])('10.4 the mark of %s', (target, mark) => {
    expect(markIn(target)).toBe(mark);
  });
});

describe('polling', () => {
  test('13.3 the next poll proves that the answer before it has arrived', async () => {
    const { confirmed, outgoing, attach } = open();
    const first = attach('xhr_polling');
    outgoing.write(line('a'));
    await turn();
    expect(first).toMatchObject({ text: 'a\n', state: 'ended' });
    outgoing.askForReceipt(1);
    first.take();
    expect(confirmed).toEqual([]);
    attach('xhr_polling');
    expect(confirmed).toEqual([1]);
  });

  test('13.3 a receipt of what an earlier poll proved is there at once', async () => {
    const { confirmed, outgoing, attach } = open();
    attach('xhr_polling');
    outgoing.write(line('a'));
    await turn();
    attach('xhr_polling');
    outgoing.askForReceipt(1);
    expect(confirmed).toEqual([1]);
  });

  test('13.3 lines that wait are not proved by the poll that takes them', async () => {
    const { confirmed, outgoing, attach } = open();
    attach('xhr_polling');
    outgoing.write(line('a'));
    await turn();
    outgoing.write(line('b'));
    outgoing.askForReceipt(1);
    const second = attach('xhr_polling');
    await turn();
    expect([second.text, confirmed]).toEqual(['b\n', []]);
    attach('xhr_polling');
    expect(confirmed).toEqual([1]);
  });

  test('13.3 nothing is written for a receipt', async () => {
    const { outgoing, attach } = open();
    const poll = attach('xhr_polling');
    outgoing.askForReceipt(1);
    outgoing.tick(PING_LOST_MS, NEVER_MS);
    await turn();
    expect([poll.text, poll.state, outgoing.isPinged]).toEqual(['', 'open', false]);
  });
});

describe('streaming', () => {
  test('13.3 a ping is written, and its answer proves all that was written before', () => {
    const { confirmed, outgoing, attach } = open();
    const stream = attach('xhr_streaming');
    outgoing.write(line('a'));
    outgoing.askForReceipt(1);
    expect(stream.text).toBe('a\na["{\\"event\\":\\"pusher:ping\\",\\"data\\":\\"{}\\"}"]\n');
    stream.take();
    expect([confirmed, outgoing.isPinged]).toEqual([[], true]);
    outgoing.ponged();
    expect([confirmed, outgoing.isPinged]).toEqual([[1], false]);
  });

  test('13.3 an answer that nothing was asked for proves nothing', () => {
    const { confirmed, outgoing, attach } = open();
    attach('xhr_streaming');
    outgoing.write(line('a'));
    outgoing.ponged();
    outgoing.askForReceipt(1);
    expect(confirmed).toEqual([]);
  });

  test('13.3 what was written after the ping has a ping of its own', () => {
    const { confirmed, outgoing, attach } = open();
    const stream = attach('xhr_streaming');
    outgoing.write(line('a'));
    outgoing.askForReceipt(1);
    outgoing.write(line('b'));
    outgoing.askForReceipt(2);
    expect(pingsIn(stream)).toBe(1);
    outgoing.ponged();
    expect([confirmed, pingsIn(stream)]).toEqual([[1], 2]);
    outgoing.ponged();
    expect(confirmed).toEqual([1, 2]);
  });

  test('13.3 a further request proves nothing before the response is full, and all of it then', () => {
    const { confirmed, outgoing, attach } = open();
    attach('xhr_streaming');
    outgoing.write(line('a'));
    outgoing.askForReceipt(1);
    attach('xhr_streaming');
    expect(confirmed).toEqual([]);
    outgoing.write(line('x'.repeat(RENEWAL)));
    outgoing.write(line('later'));
    outgoing.askForReceipt(2);
    const last = attach('xhr_streaming');
    expect([confirmed, last.text.startsWith('later\n')]).toEqual([[1], true]);
    outgoing.ponged();
    outgoing.ponged();
    expect(confirmed).toEqual([1, 2]);
  });

  test('13.3 the ping waits for a response that takes lines', () => {
    const { confirmed, outgoing, attach } = open();
    outgoing.write(line('a'));
    outgoing.askForReceipt(1);
    expect(outgoing.isPinged).toBe(false);
    const stream = attach('xhr_streaming');
    expect([stream.text.startsWith('a\n'), pingsIn(stream)]).toEqual([true, 1]);
    outgoing.ponged();
    expect(confirmed).toEqual([1]);
  });

  test('13.3 a ping without an answer for 30 seconds is written again, and one answer proves the newest', () => {
    const { confirmed, outgoing, attach } = open();
    const stream = attach('xhr_streaming');
    outgoing.write(line('a'));
    outgoing.askForReceipt(1);
    outgoing.tick(PING_LOST_MS - 1, NEVER_MS);
    expect(pingsIn(stream)).toBe(1);
    outgoing.tick(1, NEVER_MS);
    expect(pingsIn(stream)).toBe(2);
    outgoing.ponged();
    expect(confirmed).toEqual([1]);
  });
});
