/** Wrong tokens of one address in a minute; beyond, each log-in from there is refused until the minute is over. */
export const MAX_WRONG_TOKENS = 5;
export const WRONG_TOKENS_MS = 60_000;
/** Addresses that are remembered; beyond, those that began first are forgotten. */
export const MAX_ADDRESSES = 10_000;

interface Attempts {
  readonly sinceMs: number;
  count: number;
}

/** Attempts to log in of all processes of this server. */
export interface AttemptCounter {
  /** Counts an attempt. Resolves with the time until this address may try again; 0: now. */
  take(address: string): Promise<number>;
  /** Forgets the attempts of this address: one had the right token. */
  succeeded(address: string): Promise<void>;
}

/** Attempts that this process knows, by address (SPEC 17.2). An attempt counts before its token is compared. */
export class LoginAttempts {
  readonly #byNetwork = new Map<string, Attempts>();

  /** Counts an attempt. Returns the time until this address may try again; 0: now. */
  take(address: string, nowMs: number): number {
    const attempts = this.#of(networkOf(address), nowMs);
    attempts.count += 1;
    return attempts.count <= MAX_WRONG_TOKENS ? 0 : attempts.sinceMs + WRONG_TOKENS_MS - nowMs;
  }

  succeeded(address: string): void {
    this.#byNetwork.delete(networkOf(address));
  }

  #of(network: string, nowMs: number): Attempts {
    const known = this.#byNetwork.get(network);
    if (known !== undefined && nowMs < known.sinceMs + WRONG_TOKENS_MS) return known;
    const attempts = { sinceMs: nowMs, count: 0 };
    this.#byNetwork.delete(network);
    this.#byNetwork.set(network, attempts);
    const [oldest] = this.#byNetwork.keys();
    if (this.#byNetwork.size > MAX_ADDRESSES && oldest !== undefined) this.#byNetwork.delete(oldest);
    return attempts;
  }
}

/** An IPv4 address; the first 64 bits of an IPv6 address, because one machine has all that follow. */
function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [before = '', after] = address.split('::');
  const head = before === '' ? [] : before.split(':');
  const tail = after === undefined || after === '' ? [] : after.split(':');
  const zeros = Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0');
  return [...head, ...zeros, ...tail].slice(0, 4).join(':');
}
