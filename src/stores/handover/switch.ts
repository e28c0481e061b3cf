/** Calls a method of a store. */
export type Call = (store: string, method: string, args: readonly unknown[]) => unknown;

/** Directs the calls of stores to one place, and to another one from a moment on; no call is lost or overtakes another. */
export class Switch {
  readonly #first: Call;
  #call: Call;

  constructor(first: Call) {
    this.#first = this.#call = first;
  }

  /** True while calls go to the first place. */
  get isFirst(): boolean {
    return this.#call === this.#first;
  }

  /** Makes a store that directs these methods. */
  store<Store extends object>(name: string, methods: readonly (keyof Store & string)[]): Store {
    const directed = methods.map((method) => [
      method,
      (...args: unknown[]): unknown => this.#call(name, method, args),
    ]);
    return Object.fromEntries(directed) as Store;
  }

  /** Makes all calls wait. The returned function makes those that waited, in their order, and directs all others. */
  hold(): (next: Call) => void {
    const held: ((next: Call) => void)[] = [];
    this.#call = (store, method, args) =>
      new Promise((resolve) => held.push((next) => resolve(next(store, method, args))));
    return (next) => {
      this.#call = next;
      for (const call of held) call(next);
    };
  }
}
