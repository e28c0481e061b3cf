import { encode } from '#protocol';
import type { Connection } from '../client/connection.ts';
import { type Hub, isPendingDelivery, type PendingDelivery } from '../channels/hub.ts';

const PONG = encode.pong();

/** SPEC 2.8: behind everything that this client's channels have for it, so that the answer tells: all of it has come. */
export function ping({ hub }: { readonly hub: Hub }, from: Connection): Promise<void> | undefined {
  const owed = hub.pendingDeliveries(from);
  if (owed.length > 0) return allSent(owed).then(() => from.send(PONG));
  from.send(PONG);
  return undefined;
}

/** Fan-outs leave at the end of a turn of the event loop, large ones in several. */
async function allSent(owed: readonly PendingDelivery[]): Promise<void> {
  while (owed.some(isPendingDelivery)) await new Promise((resolve) => setImmediate(resolve));
}
