/** Wrong tokens of one address in a minute; beyond, each log-in from there is refused until the minute is over. */
export const MAX_WRONG_TOKENS = 5;
export const WRONG_TOKENS_MS = 60_000;
/** Addresses that are remembered; beyond, those that began first are forgotten. */
export const MAX_ADDRESSES = 10_000;

interface Wrong {
  readonly sinceMs: number;
  count: number;
}

/** Counts wrong tokens by address (SPEC 17.2). */
export class LoginAttempts {
  readonly #byNetwork = new Map<string, Wrong>();

  /** Time until this address may try again; 0: now. */
  waitMs(address: string, nowMs: number): number {
    const wrong = this.#byNetwork.get(networkOf(address));
    if (wrong === undefined || wrong.count < MAX_WRONG_TOKENS) return 0;
    return Math.max(0, wrong.sinceMs + WRONG_TOKENS_MS - nowMs);
  }

  failed(address: string, nowMs: number): void {
    const network = networkOf(address);
    const known = this.#byNetwork.get(network);
    if (known !== undefined && nowMs < known.sinceMs + WRONG_TOKENS_MS) return void (known.count += 1);
    this.#byNetwork.delete(network);
    this.#byNetwork.set(network, { sinceMs: nowMs, count: 1 });
    const [oldest] = this.#byNetwork.keys();
    if (this.#byNetwork.size > MAX_ADDRESSES && oldest !== undefined) this.#byNetwork.delete(oldest);
  }

  succeeded(address: string): void {
    this.#byNetwork.delete(networkOf(address));
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
