import type { Outbox } from '../../../src/core/ports/webhooks.ts';
import { brief } from '../../contracts/outbox.ts';
import { eventually } from '../../support/wire.ts';

/** Takes and finishes what there is for endpoint `one`. */
export async function receive(outbox: Outbox): Promise<string[]> {
  const entries = await outbox.take('one', 1000).catch(() => []);
  await outbox.done(
    'one',
    entries.map(({ id }) => id),
  );
  return entries.map(brief);
}

/** Receives until there are `count` of them. */
export const receiveUntil = (outbox: Outbox, got: string[], count: number): Promise<void> =>
  eventually(
    async () => {
      got.push(...(await receive(outbox)));
      return got.length >= count;
    },
    () => `${count} come: ${got.join(', ')}`,
    20_000,
  );
