import type { Keys } from '../keys.ts';

/**
 * Pool of keys in which a script writes its id, so that a node that lost the answer can learn whether the script ran. The pool
 * grows to the number of scripts that are on their way at once.
 */
export class Markers {
  readonly #keys: Keys;
  readonly #node: string;
  /** Free markers of each partition. */
  readonly #free: string[][];
  readonly #counts: number[];

  /** `node`: a name that no other process uses. */
  constructor(keys: Keys, node: string) {
    this.#keys = keys;
    this.#node = node;
    this.#free = Array.from({ length: keys.partitions }, () => []);
    this.#counts = this.#free.map(() => 0);
  }

  take(partition: number): string {
    return this.#free[partition]?.pop() ?? this.#create(partition);
  }

  release(partition: number, marker: string): void {
    this.#free[partition]?.push(marker);
  }

  #create(partition: number): string {
    const number = this.#counts[partition] ?? 0;
    this.#counts[partition] = number + 1;
    return this.#keys.marker(partition, this.#node, number);
  }
}
