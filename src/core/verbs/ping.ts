import { encode } from '#protocol';
import type { Connection } from '../connection.ts';

const PONG = encode.pong();

/** SPEC 2.8. */
export function ping(from: Connection): void {
  from.send(PONG);
}
