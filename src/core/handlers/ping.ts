import { encode } from '#protocol';
import type { Connection } from '../client/connection.ts';
import type { Hub } from '../channels/hub.ts';
import { isPendingDelivery, type PendingDelivery } from '../channels/pending-delivery.ts';

const PONG = encode.pong();

/** SPEC 2.8: answers behind the events that this client's channels have for it, so that a pong confirms their arrival. */
export function handlePing({ hub }: { readonly hub: Hub }, from: Connection): Promise<void> | undefined {
  const pending = hub.pendingDeliveries(from);
  if (pending.length > 0) return allSent(pending).then(() => from.send(PONG));
  from.send(PONG);
  return undefined;
}

/** Fan-outs are sent at the end of a turn of the event loop, large ones over several turns. */
async function allSent(pending: readonly PendingDelivery[]): Promise<void> {
  while (pending.some(isPendingDelivery)) await new Promise((resolve) => setImmediate(resolve));
}
