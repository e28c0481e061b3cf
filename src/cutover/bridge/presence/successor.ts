import { sleep } from '../../../core/util/time.ts';

const POLL_MS = 20;

interface Confirmable {
  readonly isConfirmed: boolean;
}

/**
 * SPEC 11.10: picks the connection that takes over when `from` leaves; waits up to `waitMs` for one that is still
 * subscribing. `undefined` when there is none.
 */
export async function successor<Slot extends Confirmable>(
  from: Slot,
  slots: ReadonlyMap<string, Slot>,
  waitMs: number,
  tried: ReadonlySet<Slot> = new Set(),
): Promise<Slot | undefined> {
  const find = (): Slot | undefined =>
    [...slots.values()].find((slot) => slot !== from && slot.isConfirmed && !tried.has(slot));
  const deadline = Date.now() + waitMs;
  while (find() === undefined && from.isConfirmed && slots.size > tried.size && Date.now() < deadline)
    await sleep(POLL_MS);
  return find();
}
