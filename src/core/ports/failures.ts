/** Something shared is out of reach for now: publishers are told to come back. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
}

/** The sockets of a channel do not read as fast as is published: nothing that this server could do better. */
export class SlowSubscribers extends Unavailable {}

/** Something may have been done, wholly or in part; that cannot be known. Nothing does it later. */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown';
}

/** What to go on with when something shared is out of reach; every other failure stays one. */
export async function ifUnavailable<T, F>(asked: Promise<T>, otherwise: () => F): Promise<T | F> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Unavailable) return otherwise();
    throw error;
  }
}
