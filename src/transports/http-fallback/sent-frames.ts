import { isUtf8 } from 'node:buffer';
import { decodeSend, FramingError } from '#protocol';

/** A message that is malformed, as the core takes it. */
export const MALFORMED = Buffer.alloc(0);

/** Messages of one body, and how its request is answered. */
export interface SentFrames {
  readonly messages: readonly Buffer[];
  readonly status: 204 | 500;
  readonly text: string;
}

/** Messages in the body of a send (SPEC 10.2). One that cannot be read is one malformed message: the client sees no answer. */
export function sentFramesIn(body: Buffer): SentFrames {
  try {
    // Bytes that are no UTF-8 are answered as text that is no JSON.
    const frames = decodeSend(isUtf8(body) ? body.toString() : '?');
    return { messages: frames.map(messageOf), status: 204, text: '' };
  } catch (error) {
    if (!(error instanceof FramingError)) throw error;
    return { messages: [MALFORMED], status: error.status, text: error.message };
  }
}

/** A string may hold half of a character, which no UTF-8 has. */
const messageOf = (frame: string): Buffer => (frame.isWellFormed() ? Buffer.from(frame) : MALFORMED);
