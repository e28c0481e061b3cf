/** Counts by name. Callers name a bounded set of things: names are never forgotten. */
export class Tally<Name extends string = string> {
  readonly #counts = new Map<Name, number>();

  add(name: Name, count = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }

  entries(): Iterable<[name: Name, count: number]> {
    return this.#counts.entries();
  }
}
