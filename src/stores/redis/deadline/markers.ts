import type { Keys } from '../keys.ts';

/**
 * Keys by which it is found out later whether a script was carried out: it writes its id there. As many as there are
 * scripts on their way at once; each is used again and again.
 */
export class Markers {
  readonly #keys: Keys;
  readonly #node: string;
  /** Per partition. */
  readonly #free: string[][];
  readonly #counts: number[];

  /** `node`: a name that no other process has. */
  constructor(keys: Keys, node: string) {
    this.#keys = keys;
    this.#node = node;
    this.#free = Array.from({ length: keys.partitions }, () => []);
    this.#counts = this.#free.map(() => 0);
  }

  take(partition: number): string {
    return this.#free[partition]?.pop() ?? this.#newOne(partition);
  }

  giveBack(partition: number, marker: string): void {
    this.#free[partition]?.push(marker);
  }

  #newOne(partition: number): string {
    const number = this.#counts[partition] ?? 0;
    this.#counts[partition] = number + 1;
    return this.#keys.marker(partition, this.#node, number);
  }
}
