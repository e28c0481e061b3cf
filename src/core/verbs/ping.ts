import { encode } from '#protocol';
import type { Connection } from '../connection.ts';
import type { Hub } from '../hub.ts';

const PONG = encode.pong();

/** SPEC 2.8: behind everything that this client's channels have for it, so that the answer tells: all of it has come. */
export function ping({ hub }: { readonly hub: Hub }, from: Connection): void {
  hub.catchUp(from);
  from.send(PONG);
}
