import { describe, expect, test } from 'vitest';
import { Batch, JOIN_BYTES } from '../../src/core/channels/fan-out/batch.ts';
import type { ChannelEvent } from '../../src/core/ports/events.ts';
import { lineEncoder } from './fakes.ts';

const wire = lineEncoder();
const textOf = ({ chunks }: { readonly chunks: readonly Buffer[] }): string[] =>
  chunks.flatMap((chunk) => wire.payloads(chunk));
const numbered = (...events: ChannelEvent[]): Batch => new Batch(events, 10 + events.length - 1);
const client = (socketId: string) => ({ socketId, earlierSocketIds: [] });
const event = (payload: string, more: Partial<ChannelEvent> = {}): ChannelEvent => ({ payload, ...more });

describe('the events of one fan-out', () => {
  test('3.13 numbers its events as the channel counted them', () => {
    const batch = new Batch([event('a'), event('b'), event('c')], 7);
    expect([batch.first, batch.last]).toEqual([5, 7]);
  });

  test('3.13 gives all sockets the same bytes, encoded once per kind of transport', () => {
    const [ours, other] = [lineEncoder(), lineEncoder('~')];
    const batch = numbered(event('a'), event('b'));
    const share = batch.forAll(ours);
    expect(batch.forAll(ours)).toBe(share);
    expect(share.chunks.map(String)).toEqual(['a\nb\n']);
    expect(batch.forAll(other).chunks.map(String)).toEqual(['~a\n~b\n']);
    batch.forOne(ours, client('x'), 10, false);
    expect(ours.encoded).toEqual(['a', 'b']);
    expect(other.encoded).toEqual(['a', 'b']);
  });

  test('3.13 leaves an event out for its own publisher only', () => {
    const batch = numbered(event('a'), event('b', { except: '1.1' }), event('c', { except: '2.2' }));
    expect(batch.differsFor(client('1.1'), false)).toBe(true);
    expect(batch.differsFor(client('3.3'), false)).toBe(false);
    expect(textOf(batch.forOne(wire, client('1.1'), 0, false))).toEqual(['a', 'c']);
    expect(textOf(batch.forOne(wire, client('2.2'), 0, false))).toEqual(['a', 'b']);
    expect(textOf(batch.forOne(wire, client('3.3'), 0, false))).toEqual(['a', 'b', 'c']);
  });

  test('5.3 skips best-effort events for a slow socket, and no others', () => {
    const batch = numbered(event('a'), event('b', { bestEffort: true }), event('c'));
    expect(batch.differsFor(client('1.1'), true)).toBe(true);
    expect(batch.differsFor(client('1.1'), false)).toBe(false);
    expect(numbered(event('a')).differsFor(client('1.1'), true)).toBe(false);
    expect(textOf(batch.forOne(wire, client('1.1'), 0, true))).toEqual(['a', 'c']);
  });

  test('3.4 gives a subscriber nothing that was published before its subscription', () => {
    const batch = new Batch([event('a'), event('b'), event('c')], 12);
    expect(textOf(batch.forOne(wire, client('1.1'), 9, false))).toEqual(['a', 'b', 'c']);
    expect(textOf(batch.forOne(wire, client('1.1'), 10, false))).toEqual(['b', 'c']);
    expect(textOf(batch.forOne(wire, client('1.1'), 11, false))).toEqual(['c']);
    expect(textOf(batch.forOne(wire, client('1.1'), 12, false))).toEqual([]);
  });

  test('3.13 joins events up to 64 KiB, and never cuts or loses one', () => {
    const sizes = [10, JOIN_BYTES - 20, 1, JOIN_BYTES, 3, 3, JOIN_BYTES * 3, 5];
    const payloads = sizes.map((size, at) => String.fromCharCode(97 + at).repeat(size));
    const { chunks } = numbered(...payloads.map((payload) => event(payload))).forAll(wire);
    expect(textOf({ chunks })).toEqual(payloads);
    for (const chunk of chunks.filter((each) => each.length > JOIN_BYTES))
      expect(wire.payloads(chunk)).toHaveLength(1);
    for (const [at, chunk] of chunks.slice(1).entries())
      expect(chunk.length + (chunks[at]?.length ?? 0)).toBeGreaterThan(JOIN_BYTES);
  });

  test('3.13 events of exactly 64 KiB together are one chunk, one byte more is two', () => {
    const halves = (more: number): Batch =>
      numbered(event('a'.repeat(JOIN_BYTES / 2 - 1)), event('b'.repeat(JOIN_BYTES / 2 - 1 + more)));
    expect(halves(0).forAll(wire).chunks).toHaveLength(1);
    expect(halves(1).forAll(wire).chunks).toHaveLength(2);
  });
});
