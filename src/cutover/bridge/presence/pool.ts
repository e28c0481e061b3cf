import type { Member } from '#protocol';
import { Semaphore } from '../../../core/util/semaphore.ts';
import type { BridgeLimits } from '../limits.ts';
import type { OpenLink } from '../ports/link.ts';
import type { BridgeCounters } from '../status/counters.ts';
import { type ConnectionProblems, MemberConnection } from './member-connection.ts';
import { MemberSlot, type SlotCarrier, type SlotOwner, type SlotPool } from './member-slot.ts';

export interface PoolDeps extends ConnectionProblems {
  readonly openLink: OpenLink;
  readonly limits: BridgeLimits;
  readonly counters: BridgeCounters;
}

/**
 * SPEC 11.10: the connections of the members. The k-th one carries at most one member of each channel, so there are as
 * many as the fullest channel has members on this node, not members times channels.
 */
export class Pool implements SlotPool {
  readonly #deps: PoolDeps;
  readonly #connections: SlotCarrier[] = [];
  readonly #connecting: Semaphore;

  constructor(deps: PoolDeps) {
    this.#deps = deps;
    this.#connecting = new Semaphore(deps.limits.connecting);
  }

  /** Number of connections that are open. */
  get open(): number {
    return this.#connections.filter(({ link }) => link.isOpen).length;
  }

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

  release({ connection, owner }: MemberSlot): void {
    connection.slots.delete(owner.channel);
    if (connection.slots.size > 0) return;
    connection.idle = setTimeout(() => this.#close(connection), this.#deps.limits.idleMs);
    connection.idle.unref();
  }

  stop(): void {
    for (const connection of [...this.#connections]) this.#close(connection);
  }

  #openAnother(): SlotCarrier | undefined {
    if (this.#connections.length >= this.#deps.limits.connections) return undefined;
    const acquire = (): Promise<() => void> => this.#connecting.acquire();
    const connection = new MemberConnection({ ...this.#deps, acquire });
    this.#connections.push(connection);
    connection.link.open();
    return connection;
  }

  #close(connection: SlotCarrier): void {
    clearTimeout(connection.idle);
    this.#connections.splice(this.#connections.indexOf(connection), 1);
    connection.link.close();
  }
}
