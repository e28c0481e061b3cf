/** Limits of what is kept for tabs that are away (SPEC 13.8). 0: no limit. */
export interface AwayLimits {
  readonly bytes: number;
  readonly tabsPerAddress: number;
}

interface Kept {
  readonly address: string;
  readonly bytes: number;
  readonly untilMs: number;
}

/** Counts what this node keeps for tabs that are away. All are kept for the same time, so that the first ones end first. */
export class AwayBudget {
  readonly #limits: AwayLimits;
  readonly #kept = new Map<string, Kept>();
  readonly #byAddress = new Map<string, number>();
  #bytes = 0;

  constructor(limits: AwayLimits) {
    this.#limits = limits;
  }

  get tabs(): number {
    return this.#kept.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False when it would exceed a limit: it must not be kept. `key` names what is kept. */
  take(key: string, kept: Kept): boolean {
    this.release(key);
    const { bytes, tabsPerAddress } = this.#limits;
    const tabs = this.#byAddress.get(kept.address) ?? 0;
    if (tabsPerAddress > 0 && tabs >= tabsPerAddress) return false;
    if (bytes > 0 && this.#bytes + kept.bytes > bytes) return false;
    this.#kept.set(key, kept);
    this.#byAddress.set(kept.address, tabs + 1);
    this.#bytes += kept.bytes;
    return true;
  }

  release(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#kept.delete(key);
    this.#bytes -= kept.bytes;
    const tabs = (this.#byAddress.get(kept.address) ?? 0) - 1;
    if (tabs > 0) this.#byAddress.set(kept.address, tabs);
    else this.#byAddress.delete(kept.address);
  }

  /** Forgets what is no longer kept. */
  expire(nowMs: number): void {
    for (const [key, { untilMs }] of this.#kept) {
      if (untilMs > nowMs) return;
      this.release(key);
    }
  }
}
