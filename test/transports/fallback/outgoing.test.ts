import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Outgoing } from '../../../src/transports/http-fallback/outgoing.ts';
import { FakeReceiver } from './fake-receiver.ts';

const RENEWAL = 256 * 1024;

const line = (characters: number, character = 'x'): Buffer =>
  Buffer.from(`${character.repeat(characters - 1)}\n`);

describe('streaming', () => {
  test('10.4 what waited is written first, and the rest as it comes', () => {
    const outgoing = new Outgoing();
    outgoing.write(Buffer.from('a\n'));
    const receiver = new FakeReceiver('xhr_streaming');
    outgoing.attach(receiver);
    outgoing.write(Buffer.from('b\n'));
    expect(receiver).toMatchObject({ text: 'a\nb\n', state: 'open' });
  });

  test.each([
    ['x', 1],
    ['é', 2],
    ['✓', 3],
    ['😀', 4],
  ])('10.5 a response takes no line after 262,144 characters of %s', (character, bytes) => {
    const outgoing = new Outgoing();
    const first = new FakeReceiver('xhr_streaming');
    outgoing.attach(first);
    const units = character.length;
    outgoing.write(line((RENEWAL - units) / units, character));
    outgoing.write(Buffer.from(`${'y'.repeat(RENEWAL - first.text.length - 1)}\n`));
    expect(first.text).toHaveLength(RENEWAL);
    outgoing.write(Buffer.from('\n'));
    expect(first.text).toHaveLength(RENEWAL + 1);
    outgoing.write(Buffer.from('later\n'));
    expect(first.text).toHaveLength(RENEWAL + 1);
    expect(outgoing.bufferedBytes).toBeGreaterThan(RENEWAL * Math.ceil(bytes / 4));
    const second = new FakeReceiver('xhr_streaming');
    outgoing.attach(second);
    expect([first.state, second.text]).toEqual(['ended', 'later\n']);
  });

  test('10.5 a full response is attended until its client has all of it', () => {
    const outgoing = new Outgoing();
    const receiver = new FakeReceiver('xhr_streaming');
    outgoing.attach(receiver);
    outgoing.write(line(RENEWAL + 1));
    expect(outgoing.isAttended).toBe(true);
    receiver.take();
    expect(outgoing.isAttended).toBe(false);
  });

  test('10.5 a heartbeat is sent after the silence and not before', () => {
    const outgoing = new Outgoing();
    const receiver = new FakeReceiver('xhr_streaming');
    outgoing.attach(receiver);
    outgoing.tick(24, 25);
    expect(receiver.text).toBe('');
    outgoing.tick(1, 25);
    expect(receiver.text).toBe('h\n');
    outgoing.tick(24, 25);
    outgoing.write(Buffer.from('a\n'));
    outgoing.tick(24, 25);
    expect(receiver.text).toBe('h\na\n');
  });

  test('10.4 a close is the last line, and the response ends', () => {
    const outgoing = new Outgoing();
    const receiver = new FakeReceiver('xhr_streaming');
    outgoing.attach(receiver);
    outgoing.write(Buffer.from('a\n'));
    expect(outgoing.close(Buffer.from('c\n'))).toEqual([]);
    expect(receiver).toMatchObject({ text: 'a\nc\n', state: 'ended' });
  });

  test('10.5 a close waits for the next request when the response is full', () => {
    const outgoing = new Outgoing();
    const receiver = new FakeReceiver('xhr_streaming');
    outgoing.attach(receiver);
    outgoing.write(line(RENEWAL + 1));
    outgoing.write(Buffer.from('a\n'));
    expect(String(Buffer.concat(outgoing.close(Buffer.from('c\n'))))).toBe('a\nc\n');
    expect(receiver.text).toHaveLength(RENEWAL + 1);
  });
});

describe('polling', () => {
  test('10.4 one response takes all lines of a turn, and the next waits', async () => {
    const outgoing = new Outgoing();
    const first = new FakeReceiver('xhr_polling');
    outgoing.attach(first);
    await turn();
    expect(first.state).toBe('open');
    for (const text of ['a\n', 'b\n']) outgoing.write(Buffer.from(text));
    await turn();
    expect(first).toMatchObject({ text: 'a\nb\n', state: 'ended' });
    outgoing.write(Buffer.from('c\n'));
    expect([outgoing.isAttended, outgoing.writesWithoutReceiver]).toEqual([false, 1]);
    const second = new FakeReceiver('xhr_polling');
    outgoing.attach(second);
    await turn();
    expect(second).toMatchObject({ text: 'c\n', state: 'ended' });
  });

  test('10.4 a response that is replaced ends empty', async () => {
    const outgoing = new Outgoing();
    const [first, second] = [new FakeReceiver('xhr_polling'), new FakeReceiver('xhr_polling')];
    outgoing.attach(first);
    outgoing.attach(second);
    outgoing.write(Buffer.from('a\n'));
    await turn();
    expect([first.state, first.text, second.text]).toEqual(['ended', '', 'a\n']);
  });

  test('10.4 a close without a request is kept, with what waits', () => {
    const outgoing = new Outgoing();
    outgoing.write(Buffer.from('a\n'));
    expect(String(Buffer.concat(outgoing.close(Buffer.from('c\n'))))).toBe('a\nc\n');
  });
});

describe.each(['xhr_streaming', 'xhr_polling'] as const)('unsent bytes over %s', (kind) => {
  test('10.8 those that wait and those on every response count until they are taken', async () => {
    const outgoing = new Outgoing();
    outgoing.write(line(10));
    expect([outgoing.bufferedBytes, outgoing.flushedBytes]).toEqual([10, 0]);
    const receivers = [new FakeReceiver(kind), new FakeReceiver(kind)] as const;
    outgoing.attach(receivers[0]);
    await turn();
    outgoing.write(line(5));
    outgoing.attach(receivers[1]);
    await turn();
    expect([outgoing.bufferedBytes, outgoing.flushedBytes]).toEqual([15, 0]);
    receivers[0].take(4);
    expect([outgoing.bufferedBytes, outgoing.flushedBytes]).toEqual([11, 4]);
    receivers[0].take();
    outgoing.ended(receivers[0]);
    receivers[1].take();
    outgoing.ended(receivers[1]);
    expect([outgoing.bufferedBytes, outgoing.flushedBytes]).toEqual([0, 15]);
  });

  test('2.16 the rest of the largest frame does not count beyond it', async () => {
    const outgoing = new Outgoing();
    outgoing.write(line(10_000));
    outgoing.write(line(100));
    expect(outgoing.bytesBeyondLargestFrame).toBe(100);
    const receiver = new FakeReceiver(kind);
    outgoing.attach(receiver);
    await turn();
    receiver.take(4000);
    expect(outgoing.bytesBeyondLargestFrame).toBe(100);
    receiver.take(6000);
    expect(outgoing.bytesBeyondLargestFrame).toBe(100);
  });

  test('2.16 calls back when all that was written before is taken, and not before', async () => {
    const outgoing = new Outgoing();
    let calls = 0;
    outgoing.write(line(10));
    outgoing.whenFlushed(() => (calls += 1));
    await turn();
    expect(calls).toBe(0);
    const receiver = new FakeReceiver(kind);
    outgoing.attach(receiver);
    await turn();
    expect(calls).toBe(0);
    receiver.take();
    await turn();
    expect(calls).toBe(1);
    outgoing.whenFlushed(() => (calls += 1));
    await turn();
    expect(calls).toBe(2);
  });

  test('2.16 calls back when the session is gone', async () => {
    const outgoing = new Outgoing();
    let calls = 0;
    outgoing.write(line(10));
    outgoing.whenFlushed(() => (calls += 1));
    outgoing.destroy();
    await turn();
    expect(calls).toBe(1);
  });
});
