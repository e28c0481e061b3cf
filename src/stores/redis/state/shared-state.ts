import { parseJson } from '#protocol';
import type { SharedState } from '../../../core/ports/stores.ts';
import type { Keys } from '../keys.ts';
import { orUnavailable } from '../link/errors.ts';
import type { Links } from '../link/links.ts';
import { KEY_REPAIRED, withRepair } from '../link/scripts.ts';

/** Keeps shared state under one key for each name; it outlives the nodes. */
export class RedisState implements SharedState {
  readonly #links: Links;
  readonly #keys: Keys;

  constructor(links: Links, keys: Keys) {
    this.#links = links;
    this.#keys = keys;
  }

  async read(name: string): Promise<unknown> {
    const text = await orUnavailable(
      withRepair(this.#links.commands, [this.#keys.state(name)], ['string'], () =>
        this.#links.commands.get(this.#keys.state(name)),
      ),
    );
    const value = text === null ? undefined : objectOrListIn(text);
    if (text !== null && value === undefined) {
      // Invalid: another program wrote it. The node that has this state writes it again.
      await orUnavailable(this.#links.commands.del(this.#keys.state(name)));
      this.#links.commands.emit(KEY_REPAIRED, this.#keys.state(name));
    }
    return value;
  }

  async write(name: string, value: object): Promise<void> {
    await orUnavailable(this.#links.commands.set(this.#keys.state(name), JSON.stringify(value)));
  }
}

function objectOrListIn(text: string): unknown {
  const value = parseJson(text);
  return typeof value === 'object' && value !== null ? value : undefined;
}
