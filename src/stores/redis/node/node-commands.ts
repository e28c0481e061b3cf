import { randomUUID } from 'node:crypto';
import type { NodeCommands, Terminate } from '../../../core/ports/stores.ts';
import type { DeadlineScripts } from '../deadline/deadline-scripts.ts';
import type { InvalidData } from '../health/invalid-data.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';

const LONGEST_ORDER_BYTES = 4096;

interface RedisNodeCommandsDeps {
  readonly links: Links;
  readonly keys: Keys;
  readonly deadlines: DeadlineScripts;
  readonly invalidData: InvalidData;
  /** Called with the app of a command that another installation sent, and that was ignored. */
  readonly onForeign?: (app: string) => void;
}

/** Carries commands to every node, and a loopback message that detects a subscription that no longer receives. */
export class RedisNodeCommands implements NodeCommands {
  readonly #links: Links;
  readonly #keys: Keys;
  readonly #deadlines: DeadlineScripts;
  readonly #controlChannel: string;
  /** Channels of this node alone: one on each server that may send messages. */
  readonly #loopbackChannels: readonly string[];
  readonly #invalidData: InvalidData;
  readonly #onForeign: (app: string) => void;
  /** Loopback channels whose message has not come back. */
  readonly #unreturned = new Set<string>();
  #terminate: Terminate = () => undefined;

  constructor(deps: RedisNodeCommandsDeps) {
    const { links, keys, invalidData, onForeign = () => undefined } = deps;
    this.#links = links;
    this.#keys = keys;
    this.#deadlines = deps.deadlines;
    this.#onForeign = onForeign;
    this.#controlChannel = keys.control();
    this.#invalidData = invalidData;
    const servers = links.publishCommand === 'SPUBLISH' ? keys.partitions : 1;
    const id = randomUUID();
    this.#loopbackChannels = Array.from(
      { length: servers },
      (_, partition) => `${keys.pubsubPrefix(partition)}probe:${id}`,
    );
    links.subscriber.events.on('message', (channel, bytes) => {
      if (channel === this.#controlChannel) this.#onMessage(bytes);
      else this.#unreturned.delete(channel);
    });
  }

  onTerminate(terminate: Terminate): void {
    this.#terminate = terminate;
  }

  async terminate(app: string, user: string): Promise<void> {
    const order = JSON.stringify({ terminate: { app, scope: this.#keys.scopeOf(app), user } });
    const args = [this.#links.publishCommand, this.#controlChannel, order];
    await this.#deadlines.send(0, 'publish-unkept', [], args);
  }

  /** True when every loopback message has come back. */
  get isLoopbackIntact(): boolean {
    return this.#unreturned.size === 0;
  }

  /** Never rejects. */
  sendLoopback(): void {
    for (const channel of this.#loopbackChannels) {
      this.#links.publish(channel, '').then(
        () => undefined,
        () => this.#unreturned.delete(channel),
      );
      this.#unreturned.add(channel);
    }
  }

  /** Subscribes to the channels of this class; called when the subscriber is up. */
  async subscribe(): Promise<void> {
    this.#unreturned.clear();
    await this.#links.subscriber.subscribe([this.#controlChannel, ...this.#loopbackChannels]);
  }

  #onMessage(bytes: Buffer): void {
    const order = bytes.length > LONGEST_ORDER_BYTES ? undefined : decodeOrder(bytes.toString());
    if (order === undefined) this.#invalidData.addMessage(this.#controlChannel);
    else if (order.scope !== this.#keys.scopeOf(order.app)) this.#onForeign(order.app);
    else this.#terminate(order.app, order.user);
  }
}

interface TerminateOrder {
  readonly app: string;
  /** Identifies the installation of the app. */
  readonly scope: string;
  readonly user: string;
}

/** Decodes strictly: anything but an order to terminate a user is `undefined`. */
function decodeOrder(text: string): TerminateOrder | undefined {
  try {
    const { terminate, ...others } = JSON.parse(text) as { terminate?: Record<string, unknown> };
    if (Object.keys(others).length > 0 || Object.keys(terminate ?? {}).length !== 3) return undefined;
    const { app, scope, user } = terminate ?? {};
    const isOrder = typeof app === 'string' && typeof scope === 'string' && typeof user === 'string';
    return isOrder ? { app, scope, user } : undefined;
  } catch {
    return undefined;
  }
}
