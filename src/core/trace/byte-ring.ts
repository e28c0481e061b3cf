/** Places that may be empty at the front before the list is made anew. */
const MOST_EMPTY = 1024;

/** The newest entries, bounded in bytes as they are stated. */
export class ByteRing<T> {
  readonly #mostBytes: number;
  #entries: T[] = [];
  #sizes: number[] = [];
  /** Place of the oldest entry; those before it are dropped. */
  #first = 0;
  #bytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get oldest(): T | undefined {
    return this.#entries[this.#first];
  }

  /** An entry that is larger than all of the ring is not kept, and pushes nothing out. */
  push(entry: T, bytes: number): void {
    if (bytes > this.#mostBytes) return;
    this.#entries.push(entry);
    this.#sizes.push(bytes);
    this.#bytes += bytes;
    while (this.#bytes > this.#mostBytes) this.#dropOldest();
    if (this.#first > MOST_EMPTY && this.#first * 2 > this.#entries.length) this.#compact();
  }

  *newestFirst(): Iterable<T> {
    for (let at = this.#entries.length - 1; at >= this.#first; at -= 1) yield this.#entries[at] as T;
  }

  #dropOldest(): void {
    this.#bytes -= this.#sizes[this.#first] ?? 0;
    (this.#entries as (T | undefined)[])[this.#first] = undefined;
    this.#first += 1;
  }

  #compact(): void {
    this.#entries = this.#entries.slice(this.#first);
    this.#sizes = this.#sizes.slice(this.#first);
    this.#first = 0;
  }
}
