/** What is done in one go after an outage, so that Redis and the event loop can breathe. */
const AT_A_TIME = 200;

/** Does the same for all, a portion after the other; rejects with the first failure. False from `goesOn` ends it. */
export async function inBatches<T>(
  all: readonly T[],
  task: (each: T) => Promise<unknown>,
  goesOn: () => boolean = () => true,
): Promise<void> {
  for (let at = 0; at < all.length && goesOn(); at += AT_A_TIME) {
    await Promise.all(all.slice(at, at + AT_A_TIME).map(task));
  }
}
