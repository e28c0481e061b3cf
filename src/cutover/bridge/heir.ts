import type { Seat } from './berth.ts';

const LOOK_MS = 20;
const NOBODY: ReadonlySet<Seat> = new Set();

/** SPEC 11.10: who is to be heard when `from` leaves; somebody who is about to be confirmed is waited for. */
export async function heir(
  from: Seat,
  seats: ReadonlyMap<string, Seat>,
  waitMs: number,
  tried: ReadonlySet<Seat> = NOBODY,
): Promise<Seat | undefined> {
  const find = (): Seat | undefined =>
    [...seats.values()].find((seat) => seat !== from && seat.isConfirmed && !tried.has(seat));
  const deadline = Date.now() + waitMs;
  while (find() === undefined && from.isConfirmed && seats.size > tried.size && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  return find();
}
