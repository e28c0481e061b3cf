/** Size of a batch of work after an outage, so that Redis and the event loop stay responsive. */
const BATCH_SIZE = 200;

/** Runs a task for all, one batch after the other; rejects with the first failure. Ends early when `goesOn` returns false. */
export async function inBatches<T>(
  all: readonly T[],
  task: (each: T) => Promise<unknown>,
  goesOn: () => boolean = () => true,
): Promise<void> {
  for (let at = 0; at < all.length && goesOn(); at += BATCH_SIZE) {
    await Promise.all(all.slice(at, at + BATCH_SIZE).map(task));
  }
}
