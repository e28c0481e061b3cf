import { describe, expect, test } from 'vitest';
import { Receiver } from 'ws';
import { webSocketWire } from '../../src/transports/wire.ts';

/** What the library's own reader makes of these bytes, given to it in pieces of `size`. */
async function received(bytes: Buffer, size = bytes.length): Promise<string[]> {
  const receiver = new Receiver({ isServer: false, maxPayload: 0 });
  const messages: string[] = [];
  receiver.on('message', (data: Buffer, isBinary: boolean) =>
    messages.push(`${isBinary ? 'binary' : 'text'} ${data.toString()}`),
  );
  for (let at = 0; at < bytes.length; at += size) receiver.write(bytes.subarray(at, at + size));
  await new Promise((resolve) => receiver.end(resolve));
  return messages;
}

/** By RFC 6455 5.2: the header of an unmasked text frame, by hand. */
function headerOf(length: number): number[] {
  if (length < 126) return [0x81, length];
  if (length < 65_536) return [0x81, 126, length >> 8, length & 255];
  const wide = Buffer.alloc(8);
  wide.writeBigUInt64BE(BigInt(length));
  return [0x81, 127, ...wide];
}

const LENGTHS = [0, 1, 125, 126, 127, 255, 256, 65_535, 65_536, 65_537, 1_000_000];

describe('frames on the wire', () => {
  test.each(LENGTHS)('1.1 %i bytes are one final text frame', async (length) => {
    const payload = 'x'.repeat(length);
    const bytes = webSocketWire.frame(payload);
    const header = headerOf(length);
    expect([...bytes.subarray(0, header.length)]).toEqual(header);
    expect(bytes.length).toBe(header.length + length);
    expect(await received(bytes)).toEqual([`text ${payload}`]);
  });

  test.each(['ü'.repeat(62), 'ü'.repeat(63), '€'.repeat(42), '😀'.repeat(31), '😀'.repeat(32), '\u0000"\\'])(
    '1.1 the length is that of the bytes, not of the characters: %j',
    async (payload) => {
      expect(await received(webSocketWire.frame(payload))).toEqual([`text ${payload}`]);
    },
  );

  test('1.1 half a surrogate pair becomes U+FFFD: what goes out is always UTF-8', async () => {
    expect(await received(webSocketWire.frame('a\ud800b'))).toEqual(['text a\ufffdb']);
  });

  test('3.13 frames that are joined in one write are read one by one', async () => {
    const payloads = LENGTHS.map((length, at) => String(at % 10).repeat(length));
    const joined = Buffer.concat(payloads.map((payload) => webSocketWire.frame(payload)));
    const expected = payloads.map((payload) => `text ${payload}`);
    expect(await received(joined)).toEqual(expected);
    expect(await received(joined, 1009)).toEqual(expected);
  });
});
