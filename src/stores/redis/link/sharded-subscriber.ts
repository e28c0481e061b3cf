import { EventEmitter } from 'node:events';
import { type Cluster, Command, type Redis } from 'ioredis';
import { connect, retryDelayMs } from './client.ts';
import type { Address } from './servers.ts';
import { inSubscribeBatches, type Subscriber, type SubscriberEvents } from './subscriber.ts';

/**
 * Subscribes in a Cluster: to each channel at the server of its slot, over one connection for each such server. When a
 * connection breaks or a slot moves, the subscriber is down until every slot has a connection again.
 */
export class ShardedSubscriber implements Subscriber {
  readonly events = new EventEmitter<SubscriberEvents>();
  /** Client whose slot table names the server of each slot. */
  readonly #cluster: Cluster;
  readonly #slots: readonly number[];
  readonly #connectTo: (address: Address) => Redis;
  readonly #connections = new Map<string, Redis>();
  #isUp = false;
  #isClosed = false;
  #isRecovering = false;

  /** `keys`: one key of every slot that will be subscribed to. */
  constructor(cluster: Cluster, keys: readonly string[], connectTo: (address: Address) => Redis) {
    this.#cluster = cluster;
    this.#slots = [...new Set(keys.map(slotOf))];
    this.#connectTo = connectTo;
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
        for (const some of inSubscribeBatches(all)) await this.#connectionOf(slot).ssubscribe(...some);
      }),
    );
  }

  async unsubscribe(channel: string): Promise<void> {
    await this.#connectionOf(slotOf(channel)).sunsubscribe(channel);
  }

  reopen(): void {
    for (const key of [...this.#connections.keys()]) this.#drop(key);
    this.#onConnectionLost();
  }

  close(): void {
    this.#isClosed = true;
    this.#isUp = false;
    for (const key of [...this.#connections.keys()]) this.#drop(key);
  }

  #connectionOf(slot: number): Redis {
    const connection = this.#connections.get(this.#ownerOf(slot));
    if (connection === undefined) throw new Error('No connection to the server of this slot.');
    return connection;
  }

  #ownerOf(slot: number): string {
    const owner = this.#cluster.slots[slot]?.[0];
    if (owner === undefined) throw new Error('CLUSTERDOWN No server has this slot.');
    return owner;
  }

  async #openAll(): Promise<void> {
    const owners = new Set(this.#slots.map((slot) => this.#ownerOf(slot)));
    for (const key of [...this.#connections.keys()]) if (!owners.has(key)) this.#drop(key);
    await Promise.all(
      [...owners].filter((key) => !this.#connections.has(key)).map((key) => this.#openOne(key)),
    );
  }

  async #openOne(key: string): Promise<void> {
    const colon = key.lastIndexOf(':');
    const connection = this.#connectTo({ host: key.slice(0, colon), port: Number(key.slice(colon + 1)) });
    this.#connections.set(key, connection);
    connection.on('smessageBuffer', (channel: Buffer, bytes: Buffer) =>
      this.events.emit('message', channel.toString(), bytes),
    );
    connection.on('error', (error: Error) => this.events.emit('problem', error));
    connection.on('moved', () => this.#onConnectionLost());
    connection.on('end', () => {
      if (this.#connections.get(key) !== connection) return;
      this.#connections.delete(key);
      this.#onConnectionLost();
    });
    try {
      await connect(connection);
    } catch (error) {
      this.#drop(key);
      throw error;
    }
  }

  #drop(key: string): void {
    const connection = this.#connections.get(key);
    this.#connections.delete(key);
    connection?.disconnect();
  }

  #onConnectionLost(): void {
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
      await new Promise((resolve) => setTimeout(resolve, retryDelayMs(attempt)).unref());
      this.#isUp = await this.#tryReopen();
    }
    this.#isRecovering = false;
    if (this.#isClosed) this.close();
    else this.events.emit('up');
  }

  /** True when every slot has a connection, by the slot table as it is now. */
  async #tryReopen(): Promise<boolean> {
    try {
      await new Promise<void>((resolve, reject) =>
        this.#cluster.refreshSlotsCache((error) => (error ? reject(error) : resolve())),
      );
      await this.#openAll();
      return [...this.#connections.values()].every(({ status }) => status === 'ready');
    } catch {
      return false;
    }
  }
}

const slotOf = (key: string): number => new Command('ssubscribe', [key]).getSlot();
