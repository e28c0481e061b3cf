import { type SharedState, Unavailable } from '../../core/ports.ts';
import type { Keys } from './keys.ts';
import type { Links } from './links.ts';
import { mending } from './scripts.ts';

/** What all nodes share and what outlives them: one key for each name. */
export class RedisState implements SharedState {
  readonly #links: Links;
  readonly #keys: Keys;

  constructor(links: Links, keys: Keys) {
    this.#links = links;
    this.#keys = keys;
  }

  async read(name: string): Promise<unknown> {
    const text = await reached(
      mending(this.#links.commands, [this.#keys.state(name)], ['string'], () =>
        this.#links.commands.get(this.#keys.state(name)),
      ),
    );
    try {
      return text === null ? undefined : (JSON.parse(text) as unknown);
    } catch {
      return undefined;
    }
  }

  async write(name: string, value: object): Promise<void> {
    await reached(this.#links.commands.set(this.#keys.state(name), JSON.stringify(value)));
  }
}

async function reached<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    throw new Unavailable('Redis is away.', { cause: error });
  }
}
