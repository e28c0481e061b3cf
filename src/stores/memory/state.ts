import { readFile, rename, writeFile } from 'node:fs/promises';
import { type JsonObject, parseJsonObject } from '#protocol';
import type { SharedState } from '../../core/ports/cluster.ts';
import { Unavailable } from '../../core/ports/failures.ts';
import { Mutex } from '../../core/util/mutex.ts';

/** What outlives the only node: one JSON file, always whole. It is not touched before somebody asks. */
export class FileState implements SharedState {
  readonly #file: string | undefined;
  readonly #gate = new Mutex();
  /** In place of the file where there is none. */
  #inMemory: JsonObject = {};

  constructor(file: string | undefined) {
    this.#file = file;
  }

  async read(name: string): Promise<unknown> {
    const all = await this.#all();
    return Object.hasOwn(all, name) ? all[name] : undefined;
  }

  write(name: string, value: object): Promise<void> {
    return this.#gate.run(async () => this.#keep({ ...(await this.#all()), [name]: value }));
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

  async #keep(all: JsonObject): Promise<void> {
    this.#inMemory = all;
    if (this.#file === undefined) return;
    const draft = `${this.#file}.${process.pid}.tmp`;
    try {
      await writeFile(draft, `${JSON.stringify(all, undefined, 2)}\n`);
      await rename(draft, this.#file);
    } catch (error) {
      throw new Unavailable((error as Error).message, { cause: error });
    }
  }
}
