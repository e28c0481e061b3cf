const MOST_DOUBLINGS = 10;

/** A pause that doubles with every failure, up to a limit. */
export const backoffMs = (firstMs: number, mostMs: number, doublings: number): number =>
  Math.min(mostMs, firstMs * 2 ** Math.min(doublings, MOST_DOUBLINGS));
