import { readFile } from 'node:fs/promises';
import { type JsonObject, parseJsonObject } from '#protocol';
import type { SharedState } from '../../core/ports/stores.ts';
import { Unavailable } from '../../core/ports/failures.ts';
import { Mutex } from '../../core/util/mutex.ts';
import { replaceFile } from './replace-file.ts';

/** State that survives restarts of a single node: one JSON file, replaced as a whole. It is opened at the first read or write. */
export class FileState implements SharedState {
  readonly #file: string | undefined;
  readonly #mutex = new Mutex();
  /** Used in place of the file when none is set. */
  #inMemory: JsonObject = {};

  constructor(file: string | undefined) {
    this.#file = file;
  }

  async read(name: string): Promise<unknown> {
    const all = await this.#all();
    return Object.hasOwn(all, name) ? all[name] : undefined;
  }

  /** Returns what no file keeps. */
  save(): Iterable<JsonObject> {
    return this.#file === undefined ? [this.#inMemory] : [];
  }

  load(saved: JsonObject): void {
    this.#inMemory = saved;
  }

  write(name: string, value: object): Promise<void> {
    return this.#mutex.run(async () => this.#save({ ...(await this.#all()), [name]: value }));
  }

  async #all(): Promise<JsonObject> {
    if (this.#file === undefined) return this.#inMemory;
    try {
      return parseJsonObject(await readFile(this.#file, 'utf8')) ?? {};
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
      throw new Unavailable((error as Error).message, { cause: error });
    }
  }

  async #save(all: JsonObject): Promise<void> {
    this.#inMemory = all;
    if (this.#file === undefined) return;
    try {
      await replaceFile(this.#file, `${JSON.stringify(all, undefined, 2)}\n`);
    } catch (error) {
      throw new Unavailable((error as Error).message, { cause: error });
    }
  }
}
