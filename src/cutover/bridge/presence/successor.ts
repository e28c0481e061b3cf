import { sleep } from '../../../core/util/time.ts';
import type { MemberSlot } from './member-connection.ts';

const LOOK_MS = 20;
const NONE: ReadonlySet<MemberSlot> = new Set();

/** SPEC 11.10: who is to be heard when `from` leaves; somebody who is about to be confirmed is waited for. */
export async function successor(
  from: MemberSlot,
  slots: ReadonlyMap<string, MemberSlot>,
  waitMs: number,
  tried: ReadonlySet<MemberSlot> = NONE,
): Promise<MemberSlot | undefined> {
  const find = (): MemberSlot | undefined =>
    [...slots.values()].find((slot) => slot !== from && slot.isConfirmed && !tried.has(slot));
  const deadline = Date.now() + waitMs;
  while (find() === undefined && from.isConfirmed && slots.size > tried.size && Date.now() < deadline)
    await sleep(LOOK_MS);
  return find();
}
