/** Checks the transitions that scripts return, in the order in which Redis ran them: joins and leaves have to alternate. */
export class TransitionChecker {
  readonly #present = new Map<string, Set<string>>();
  readonly violations: string[] = [];
  count = 0;

  /** `change`: occupied, vacated, +id or -id. */
  add(channel: string, change: string, by: string): void {
    this.count += 1;
    const present = this.#of(channel);
    const isJoin = change === 'occupied' || change.startsWith('+');
    const what = change === 'occupied' || change === 'vacated' ? ' ' : change.slice(1);
    if (present.has(what) === isJoin) this.violations.push(`${channel}: ${change} again, by ${by}`);
    if (isJoin) present.add(what);
    else present.delete(what);
  }

  /** Continues from the state of Redis after a loss of data. */
  reset(found: ReadonlyMap<string, readonly string[]>): void {
    this.#present.clear();
    for (const [channel, users] of found) this.#present.set(channel, new Set([' ', ...users]));
  }

  #of(channel: string): Set<string> {
    const present = this.#present.get(channel) ?? new Set();
    this.#present.set(channel, present);
    return present;
  }
}
