import { EventEmitter } from 'node:events';
import { type Cluster, Command, type Redis } from 'ioredis';
import { connect, pauseMs } from './client.ts';
import type { Address } from '../options.ts';
import { batches, type Subscriber, type SubscriberEvents } from './subscriber.ts';

/**
 * Listens to a Cluster: each channel at the server that its slot belongs to, over one connection for each such server.
 * When one of them breaks or a slot moves, it is down until every slot has its server again.
 */
export class ShardedSubscriber implements Subscriber {
  readonly events = new EventEmitter<SubscriberEvents>();
  /** Knows which server has which slot. */
  readonly #cluster: Cluster;
  readonly #slots: readonly number[];
  readonly #open: (address: Address) => Redis;
  readonly #links = new Map<string, Redis>();
  #isUp = false;
  #isClosed = false;
  #isRecovering = false;

  /** `keys`: one of every slot that will be listened to. */
  constructor(cluster: Cluster, keys: readonly string[], open: (address: Address) => Redis) {
    this.#cluster = cluster;
    this.#slots = [...new Set(keys.map(slotOf))];
    this.#open = open;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  async connect(): Promise<void> {
    await this.#openAll();
    this.#isUp = true;
    this.events.emit('up');
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    const bySlot = new Map<number, string[]>();
    for (const channel of channels) {
      const slot = slotOf(channel);
      const some = bySlot.get(slot);
      if (some === undefined) bySlot.set(slot, [channel]);
      else some.push(channel);
    }
    await Promise.all(
      [...bySlot].map(async ([slot, all]) => {
        for (const some of batches(all)) await this.#linkOf(slot).ssubscribe(...some);
      }),
    );
  }

  async unsubscribe(channel: string): Promise<void> {
    await this.#linkOf(slotOf(channel)).sunsubscribe(channel);
  }

  reopen(): void {
    for (const key of [...this.#links.keys()]) this.#drop(key);
    this.#lost();
  }

  close(): void {
    this.#isClosed = true;
    this.#isUp = false;
    for (const key of [...this.#links.keys()]) this.#drop(key);
  }

  #linkOf(slot: number): Redis {
    const link = this.#links.get(this.#ownerOf(slot));
    if (link === undefined) throw new Error('No connection to the server of this slot.');
    return link;
  }

  #ownerOf(slot: number): string {
    const owner = this.#cluster.slots[slot]?.[0];
    if (owner === undefined) throw new Error('CLUSTERDOWN No server has this slot.');
    return owner;
  }

  async #openAll(): Promise<void> {
    const owners = new Set(this.#slots.map((slot) => this.#ownerOf(slot)));
    for (const key of [...this.#links.keys()]) if (!owners.has(key)) this.#drop(key);
    await Promise.all([...owners].filter((key) => !this.#links.has(key)).map((key) => this.#openOne(key)));
  }

  async #openOne(key: string): Promise<void> {
    const colon = key.lastIndexOf(':');
    const link = this.#open({ host: key.slice(0, colon), port: Number(key.slice(colon + 1)) });
    this.#links.set(key, link);
    link.on('smessageBuffer', (channel: Buffer, bytes: Buffer) =>
      this.events.emit('message', channel.toString(), bytes),
    );
    link.on('error', (error: Error) => this.events.emit('problem', error));
    link.on('moved', () => this.#lost());
    link.on('end', () => {
      if (this.#links.get(key) !== link) return;
      this.#links.delete(key);
      this.#lost();
    });
    try {
      await connect(link);
    } catch (error) {
      this.#drop(key);
      throw error;
    }
  }

  #drop(key: string): void {
    const link = this.#links.get(key);
    this.#links.delete(key);
    link?.disconnect();
  }

  #lost(): void {
    if (this.#isClosed) return;
    if (this.#isUp) {
      this.#isUp = false;
      this.events.emit('down');
    }
    if (!this.#isRecovering) void this.#recover();
  }

  async #recover(): Promise<void> {
    this.#isRecovering = true;
    for (let attempt = 1; !this.#isUp && !this.#isClosed; attempt += 1) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs(attempt)).unref());
      this.#isUp = await this.#reopened();
    }
    this.#isRecovering = false;
    if (this.#isClosed) this.close();
    else this.events.emit('up');
  }

  /** True when every slot has its server, as the Cluster is now. */
  async #reopened(): Promise<boolean> {
    try {
      await new Promise<void>((resolve, reject) =>
        this.#cluster.refreshSlotsCache((error) => (error ? reject(error) : resolve())),
      );
      await this.#openAll();
      return [...this.#links.values()].every(({ status }) => status === 'ready');
    } catch {
      return false;
    }
  }
}

const slotOf = (key: string): number => new Command('ssubscribe', [key]).getSlot();
