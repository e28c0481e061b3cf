import { isAscii } from 'node:buffer';
import { framing } from '#protocol';
import type { FrameEncoder } from '../../core/ports/transport.ts';

/** One line for each frame (SPEC 10.1), the same for streaming and polling, so that all sessions share its bytes. */
export const lineEncoder: FrameEncoder = {
  encode: (payload) => Buffer.from(framing.array([payload])),
  payloads: (bytes) =>
    bytes
      .toString()
      .split('\n')
      .flatMap((line) => (line === '' ? [] : (JSON.parse(line.slice(1)) as string[]))),
};

/** The last answer: the sessions of a channel ask for the same bytes one after another. */
let last: { readonly bytes: Buffer; readonly characters: number } | undefined;

/** Characters of these lines as a browser counts them (SPEC 10.5): UTF-16 units. */
export function charactersOf(bytes: Buffer): number {
  if (last?.bytes === bytes) return last.characters;
  const characters = isAscii(bytes) ? bytes.length : bytes.toString().length;
  last = { bytes, characters };
  return characters;
}
