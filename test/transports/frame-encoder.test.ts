import type { Writable } from 'node:stream';
import * as library from 'ws';
import { describe, expect, test } from 'vitest';
import { webSocketEncoder } from '../../src/transports/frame-encoder.ts';

/** The types of the library leave its parser out. */
const { Receiver } = library as unknown as {
  readonly Receiver: new (options: { readonly isServer: boolean }) => Writable;
};

interface Parsed {
  readonly text: string;
  readonly isBinary: boolean;
}

/** Messages that the library's own parser reads from the bytes, as a client. */
function parse(bytes: Buffer): Promise<Parsed[]> {
  return new Promise((resolve, reject) => {
    const receiver = new Receiver({ isServer: false });
    const messages: Parsed[] = [];
    receiver.on('message', (data: Buffer, isBinary: boolean) =>
      messages.push({ text: data.toString(), isBinary }),
    );
    receiver.on('error', reject);
    receiver.end(bytes, () => resolve(messages));
  });
}

describe('one frame for all sockets', () => {
  test.each([
    { length: 0, header: 2 },
    { length: 1, header: 2 },
    { length: 125, header: 2 },
    { length: 126, header: 4 },
    { length: 127, header: 4 },
    { length: 65_535, header: 4 },
    { length: 65_536, header: 10 },
    { length: 1_000_000, header: 10 },
  ])('1.1 encodes $length bytes with a header of $header bytes, unchanged', async ({ length, header }) => {
    const text = 'x'.repeat(length);
    const bytes = webSocketEncoder.encode(text);
    expect(bytes.length).toBe(header + length);
    expect(await parse(bytes)).toEqual([{ text, isBinary: false }]);
  });

  test.each([
    { what: 'two bytes a character', text: 'ü'.repeat(63), header: 4 },
    { what: 'four bytes a character', text: '😀'.repeat(31), header: 2 },
    { what: 'three bytes a character, over 64 KiB', text: '漢'.repeat(21_846), header: 10 },
    { what: 'half a character, which is replaced', text: '\ud83d', header: 2 },
  ])('1.1 counts bytes, not characters: $what', async ({ text, header }) => {
    const bytes = webSocketEncoder.encode(text);
    expect(bytes.length).toBe(header + Buffer.byteLength(text));
    expect((await parse(bytes))[0]?.text).toBe(Buffer.from(text).toString());
  });

  test('1.1 encodes frames that can be sent one after the other', async () => {
    const texts = ['{}', 'y'.repeat(126), '', 'z'.repeat(70_000)];
    const parsed = await parse(Buffer.concat(texts.map((text) => webSocketEncoder.encode(text))));
    expect(parsed.map(({ text }) => text)).toEqual(texts);
  });
});
