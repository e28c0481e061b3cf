/** Maps each key to several values. A key without values is removed. */
export class MultiMap<Key, Value> {
  readonly #sets = new Map<Key, Set<Value>>();

  /** True when it is the first value of that key. */
  add(key: Key, value: Value): boolean {
    const set = this.#sets.get(key);
    if (set === undefined) this.#sets.set(key, new Set([value]));
    else set.add(value);
    return set === undefined;
  }

  /** True when it was the last value of that key. */
  delete(key: Key, value: Value): boolean {
    const set = this.#sets.get(key);
    if (set === undefined || !set.delete(value) || set.size > 0) return false;
    return this.#sets.delete(key);
  }

  has(key: Key): boolean {
    return this.#sets.has(key);
  }

  get(key: Key): Iterable<Value> {
    return this.#sets.get(key) ?? [];
  }
}
