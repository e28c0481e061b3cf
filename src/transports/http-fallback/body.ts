import type { IncomingMessage } from 'node:http';

/** A body that was not read whole, and why. */
export type Unread = 'too large' | 'broken off';

/** Reads a body of at most `maxBytes`. Never rejects; the rest of one that is too large is dropped. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | Unread> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const end = (result: Buffer | Unread): void => {
      chunks.length = 0;
      resolve(result);
    };
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) end('too large');
      else chunks.push(chunk);
    });
    request.once('end', () => end(Buffer.concat(chunks)));
    request.once('error', () => end('broken off'));
    request.once('close', () => end('broken off'));
  });
}
