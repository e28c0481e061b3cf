import type { Duplex } from 'node:stream';

/** A browser's socket and the one at the other side that it is joined to. */
export class Pair {
  readonly bucket: number | undefined;
  readonly #browser: Duplex;
  readonly #server: Duplex;

  constructor(browser: Duplex, server: Duplex, bucket: number | undefined) {
    this.#browser = browser;
    this.#server = server;
    this.bucket = bucket;
  }

  /** Without a word: only a frame's end would be a place for one, and frames are not looked at. */
  close(): void {
    this.#browser.end();
    this.#server.end();
  }

  terminate(): void {
    this.#browser.destroy();
    this.#server.destroy();
  }
}

/** Every socket that passes through to the other side. */
export class Pairs {
  readonly #all = new Set<Pair>();

  /** Those that are a part of the split. */
  get size(): number {
    let size = 0;
    for (const { bucket } of this.#all) if (bucket !== undefined) size += 1;
    return size;
  }

  add(browser: Duplex, server: Duplex, bucket: number | undefined): void {
    const pair = new Pair(browser, server, bucket);
    this.#all.add(pair);
    browser.once('close', () => this.#all.delete(pair));
  }

  [Symbol.iterator](): Iterator<Pair> {
    return this.#all.values();
  }
}
