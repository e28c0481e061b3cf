import { randomBytes } from 'node:crypto';
import type { Writable } from 'node:stream';
import * as library from 'ws';
import { beforeEach, describe, expect, test } from 'vitest';
import { coalesceSmallChunks } from '../../src/transports/coalesce-chunks.ts';
import { frameBytes, OPCODE, textFrame } from '../support/wire-tcp.ts';

/** The types of the library leave its parser out. */
const { Receiver } = library as unknown as {
  readonly Receiver: new (options: {
    readonly isServer: boolean;
  }) => Writable & { readonly _buffers: Buffer[] };
};
let receiver: InstanceType<typeof Receiver>;
let messages: Buffer[];
let mostChunks: number;
let failure: Error | undefined;

beforeEach(() => {
  receiver = new Receiver({ isServer: true });
  coalesceSmallChunks(receiver);
  messages = [];
  mostChunks = 0;
  failure = undefined;
  receiver.on('message', (data: Buffer) => messages.push(data));
  receiver.on('error', (error) => (failure = error));
});

function arrive(bytes: Buffer, nextSize: () => number): void {
  for (let at = 0; at < bytes.length;) {
    const end = at + nextSize();
    receiver.write(bytes.subarray(at, end));
    mostChunks = Math.max(mostChunks, receiver._buffers.length);
    at = end;
  }
}

describe('a message that arrives in many chunks', () => {
  test('2.11 keeps few chunks of a message of 70 kB that arrives byte by byte, and reads it whole', () => {
    const text = randomBytes(35_000).toString('hex');
    arrive(textFrame(text), () => 1);
    expect(failure).toBeUndefined();
    expect(messages.map(String)).toEqual([text]);
    expect(mostChunks).toBeLessThan(64);
  });

  test('2.11 reads messages in chunks of every size as they were sent', () => {
    const payloads = [0, 1, 125, 126, 5_000, 65_536, 200_000].map((size) => randomBytes(size));
    const frames = payloads.map((payload) => frameBytes({ opcode: OPCODE.binary, payload }));
    const largest = [1, 3, 100, 2_000, 70_000];
    let at = 0;
    arrive(Buffer.concat(frames), () => 1 + ((at += 7919) % largest[at % largest.length]!));
    expect(failure).toBeUndefined();
    expect(messages.map((each) => each.toString('hex'))).toEqual(
      payloads.map((each) => each.toString('hex')),
    );
    expect(mostChunks).toBeLessThan(64);
  });
});
