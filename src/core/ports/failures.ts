/** The shared store cannot be reached for now: publishers should retry. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
}

/** The sockets of a channel read more slowly than is published. The server itself is well. */
export class SlowSubscribers extends Unavailable {}

/** An operation that was done wholly, partly or not at all: this is unknown. It will not be done later. */
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
