import { decode, ProtocolError } from '#protocol';

/** True for a message that answers `pusher:ping` (SPEC 2.8). */
export function isPong(message: Buffer): boolean {
  try {
    return decode(message.toString()).kind === 'pong';
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}
