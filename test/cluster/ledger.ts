/** What scripts say that they have changed, in the order in which Redis ran them: coming and going have to alternate. */
export class Ledger {
  readonly #present = new Map<string, Set<string>>();
  readonly violations: string[] = [];
  transitions = 0;

  /** `change`: occupied, vacated, +id or -id. */
  enter(channel: string, change: string, by: string): void {
    this.transitions += 1;
    const present = this.#of(channel);
    const came = change === 'occupied' || change.startsWith('+');
    const what = change === 'occupied' || change === 'vacated' ? ' ' : change.slice(1);
    if (present.has(what) === came) this.violations.push(`${channel}: ${change} again, by ${by}`);
    if (came) present.add(what);
    else present.delete(what);
  }

  /** Data was lost: from here on it is as it is found. */
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
