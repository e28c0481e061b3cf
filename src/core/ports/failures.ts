/** The shared store is out of reach for now: publishers are to retry. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
}

/** The sockets of a channel read more slowly than is published. The server itself is well. */
export class SlowSubscribers extends Unavailable {}

/** It is not known whether something was done, wholly or in part. It will not be done later. */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown';
}

/** Replaces an `Unavailable` failure by the value of `otherwise`; rejects with every other failure. */
export async function ifUnavailable<T, F>(asked: Promise<T>, otherwise: () => F): Promise<T | F> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Unavailable) return otherwise();
    throw error;
  }
}
