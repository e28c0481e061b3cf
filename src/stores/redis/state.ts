import { parseJson } from '#protocol';
import type { SharedState } from '../../core/ports/cluster.ts';
import { Unavailable } from '../../core/ports/failures.ts';
import type { Keys } from './keys.ts';
import type { Links } from './link/links.ts';
import { KEY_MENDED, mending } from './link/scripts.ts';

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
    const value = text === null ? undefined : objectOrListIn(text);
    if (text !== null && value === undefined) {
      // Whoever knows what is shared writes it again.
      await reached(this.#links.commands.del(this.#keys.state(name)));
      this.#links.commands.emit(KEY_MENDED, this.#keys.state(name));
    }
    return value;
  }

  async write(name: string, value: object): Promise<void> {
    await reached(this.#links.commands.set(this.#keys.state(name), JSON.stringify(value)));
  }
}

function objectOrListIn(text: string): unknown {
  const value = parseJson(text);
  return typeof value === 'object' && value !== null ? value : undefined;
}

async function reached<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    throw new Unavailable('Redis is away.', { cause: error });
  }
}
