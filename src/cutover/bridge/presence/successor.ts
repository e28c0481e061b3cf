import { sleep } from '../../../core/util/time.ts';
import type { MemberSlot } from './member-connection.ts';

const LOOK_MS = 20;
const NOBODY: ReadonlySet<MemberSlot> = new Set();

/** SPEC 11.10: who is to be heard when `from` leaves; somebody who is about to be confirmed is waited for. */
export async function successor(
  from: MemberSlot,
  seats: ReadonlyMap<string, MemberSlot>,
  waitMs: number,
  tried: ReadonlySet<MemberSlot> = NOBODY,
): Promise<MemberSlot | undefined> {
  const find = (): MemberSlot | undefined =>
    [...seats.values()].find((seat) => seat !== from && seat.isConfirmed && !tried.has(seat));
  const deadline = Date.now() + waitMs;
  while (find() === undefined && from.isConfirmed && seats.size > tried.size && Date.now() < deadline)
    await sleep(LOOK_MS);
  return find();
}
