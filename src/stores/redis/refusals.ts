import type { Journal } from '../../core/ports.ts';
import { explain } from './problems.ts';
import type { RedisOptions } from './options.ts';
import { type Client, SCRIPT_RAN, type ScriptName } from './scripts.ts';

/** Redis answers, but refuses what it is asked to do: full, a replica, not allowed. Said once, and once when it is over. */
export class Refusals {
  readonly #options: RedisOptions;
  readonly #journal: Journal;
  /** The script that was refused last: when it runs again, the trouble is over. */
  #refused: ScriptName | undefined;

  constructor(client: Client, options: RedisOptions, journal: Journal) {
    this.#options = options;
    this.#journal = journal;
    client.on(SCRIPT_RAN, (name: ScriptName, error: Error | undefined) => this.#ran(name, error));
  }

  get areThere(): boolean {
    return this.#refused !== undefined;
  }

  #ran(name: ScriptName, error: Error | undefined): void {
    if (error === undefined) {
      if (name !== this.#refused) return;
      this.#refused = undefined;
      this.#journal.warn('Redis takes everything again');
      return;
    }
    const { kind, sentence } = explain(error, this.#options);
    if (kind === 'away') return;
    const isNew = this.#refused === undefined;
    this.#refused = name;
    if (isNew) this.#journal.warn(`Publishing may answer 503: ${sentence}`);
  }
}
