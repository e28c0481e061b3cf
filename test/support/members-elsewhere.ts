import { readConfig } from '../../src/config.ts';
import type { ChannelRef } from '../../src/core/ports.ts';
import { openStores } from '../../src/stores/index.ts';
import { FakeJournal } from '../core/fakes.ts';

/**
 * Members of a presence channel whose sockets are on another node: the roster is as large as with them here, and
 * nobody has to be sent all that they would have to hear of each other. What is returned takes them away.
 */
export async function membersElsewhere(
  env: Record<string, string>,
  ref: ChannelRef,
  { count, infoBytes }: { readonly count: number; readonly infoBytes: number },
): Promise<() => Promise<void>> {
  const stores = await openStores(readConfig(env), new FakeJournal());
  const infoJson = JSON.stringify({ pad: 'x'.repeat(infoBytes) });
  for (let at = 1; at <= count; at += 1) {
    const id = `away-${at}`;
    await stores.membership.join(ref, {
      subscriptions: at,
      member: { id, userId: id, infoJson },
      socketId: `9.${at}`,
    });
  }
  return () => stores.close();
}
