import type { Member } from '#protocol';
import {
  MemberConnection,
  type ConnectionProblems,
  MemberSlot,
  type SlotOwner,
} from './member-connection.ts';
import type { BridgeLimits } from '../limits.ts';
import type { LinkOptions } from '../connection/link.ts';
import type { BridgeCounters } from '../state.ts';
import { Semaphore } from '../connection/semaphore.ts';

interface PoolDeps extends ConnectionProblems {
  readonly link: Omit<LinkOptions, 'turn'>;
  readonly limits: BridgeLimits;
  readonly counters: BridgeCounters;
}

/**
 * SPEC 11.10: the connections of the members. The k-th one holds at most one member of each channel, so there are as many
 * as the fullest channel has members on this node, not members times channels.
 */
export class Pool {
  readonly #deps: PoolDeps;
  readonly #connections: MemberConnection[] = [];
  readonly #connecting: Semaphore;

  constructor(deps: PoolDeps) {
    this.#deps = deps;
    this.#connecting = new Semaphore(deps.limits.connecting);
  }

  get size(): number {
    return this.#connections.length;
  }

  get open(): number {
    return this.#connections.filter(({ link }) => link.isOpen).length;
  }

  /** `undefined` when there are too many connections already; that is counted. */
  take(owner: SlotOwner, member: Member): MemberSlot | undefined {
    const connection =
      this.#connections.find(({ slots }) => !slots.has(owner.channel)) ?? this.#openAnother();
    if (connection === undefined) {
      this.#deps.counters.drop('too-many-connections');
      return undefined;
    }
    clearTimeout(connection.idle);
    const slot = new MemberSlot(owner, member, connection);
    connection.slots.set(owner.channel, slot);
    return slot;
  }

  release({ connection, owner: owner }: MemberSlot): void {
    connection.slots.delete(owner.channel);
    if (connection.slots.size > 0) return;
    connection.idle = setTimeout(() => this.#close(connection), this.#deps.limits.idleMs);
    connection.idle.unref();
  }

  stop(): void {
    for (const connection of [...this.#connections]) this.#close(connection);
  }

  #openAnother(): MemberConnection | undefined {
    if (this.#connections.length >= this.#deps.limits.connections) return undefined;
    const turn = (): Promise<() => void> => this.#connecting.acquire();
    const connection = new MemberConnection({ ...this.#deps.link, acquire: turn }, this.#deps);
    this.#connections.push(connection);
    connection.link.open();
    return connection;
  }

  #close(connection: MemberConnection): void {
    clearTimeout(connection.idle);
    this.#connections.splice(this.#connections.indexOf(connection), 1);
    connection.link.close();
  }
}
