import type { Stores } from '../../../src/core/ports/stores.ts';
import { brief, outboxOf } from '../../contracts/outbox.ts';
import { eventually } from '../../support/wire.ts';

/** Takes and finishes what there is for endpoint `one`. */
export async function receive(node: Stores): Promise<string[]> {
  const outbox = outboxOf(node);
  const entries = await outbox.take('one', 1000).catch(() => []);
  await outbox.done(
    'one',
    entries.map(({ id }) => id),
  );
  return entries.map(brief);
}

/** Receives from all nodes until there are `count` events. */
export const receiveUntil = (
  nodes: readonly Stores[],
  got: string[],
  count: number,
  limitMs = 20_000,
): Promise<void> =>
  eventually(
    async () => {
      for (const node of nodes) got.push(...(await receive(node)));
      return got.length >= count;
    },
    () => `${count} come: ${got.join(', ')}`,
    limitMs,
  );
