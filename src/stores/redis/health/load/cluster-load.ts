import { randomBytes } from 'node:crypto';
import { type ClusterLoad, isBehind, type NodeLoad } from '../../../../core/ports/nodes/cluster-load.ts';
import { ignore } from '../../../../core/util/ignore.ts';
import type { Keys } from '../../keys.ts';
import type { Links } from '../../link/links.ts';
import type { InvalidData } from '../invalid-data.ts';
import { decodeLoad, encodeLoad } from './load-message.ts';
import { NodesBehind } from './nodes-behind.ts';

interface RedisClusterLoadDeps {
  readonly links: Links;
  readonly keys: Keys;
  readonly invalidData: InvalidData;
}

/** Sends and receives the messages of nodes that are behind, on a Redis channel of their own. */
export class RedisClusterLoad implements ClusterLoad {
  readonly #links: Links;
  readonly #keys: Keys;
  readonly #invalidData: InvalidData;
  readonly #name = randomBytes(9).toString('base64url');
  readonly #channel: string;
  readonly #behind = new NodesBehind();

  constructor({ links, keys, invalidData }: RedisClusterLoadDeps) {
    this.#links = links;
    this.#keys = keys;
    this.#invalidData = invalidData;
    this.#channel = keys.load();
    links.subscriber.events.on('message', (channel, bytes) => {
      if (channel === this.#channel) this.#onMessage(bytes);
    });
    links.subscriber.events.on('up', () => void links.subscriber.subscribe([this.#channel]).catch(ignore));
  }

  report(load: NodeLoad): void {
    if (!this.#links.isUp) return;
    const message = encodeLoad({ from: this.#name, scope: this.#keys.scopeOf(''), ...load });
    this.#links.publish(this.#channel, message).catch(ignore);
  }

  get nodesBehind(): number {
    return this.#behind.count(performance.now());
  }

  #onMessage(bytes: Buffer): void {
    const message = decodeLoad(bytes);
    if (message === undefined) return this.#invalidData.addMessage(this.#channel);
    if (message === 'newer' || message.scope !== this.#keys.scopeOf('')) return;
    if (message.from === this.#name) return;
    if (isBehind(message)) this.#behind.add(message.from, performance.now());
    else this.#behind.remove(message.from);
  }
}
