import type { Credential, Member } from '#protocol';
import type { ConnectionProblems } from './member-connection.ts';
import type { PresenceReceiver } from '../receiver.ts';
import type { SubscriptionState } from '../echo/echoes.ts';
import type { BridgeLimits } from '../limits.ts';
import type { LinkOptions } from '../connection/link.ts';
import { Pool } from './pool.ts';
import { PresenceChannel } from './presence-channel.ts';
import type { BridgeCounters } from '../state.ts';

interface PresenceDeps extends ConnectionProblems {
  readonly link: Omit<LinkOptions, 'turn'>;
  readonly credential: Credential;
  readonly limits: BridgeLimits;
  readonly counters: BridgeCounters;
  readonly receiver: PresenceReceiver;
  isDisconnected(): boolean;
}

/** SPEC 11.10: the presence channels of one app on which this node has members. */
export class Presence {
  readonly #deps: PresenceDeps;
  readonly #pool: Pool;
  readonly #channels = new Map<string, PresenceChannel>();

  constructor(deps: PresenceDeps) {
    this.#deps = deps;
    this.#pool = new Pool(deps);
  }

  get connectionCount(): number {
    return this.#pool.open;
  }

  get channelCount(): number {
    return this.#channels.size;
  }

  get memberCount(): number {
    let members = 0;
    for (const joined of this.#channels.values()) members += joined.members;
    return members;
  }

  channel(channel: string): PresenceChannel | undefined {
    return this.#channels.get(channel);
  }

  subscriptionOf(channel: string): SubscriptionState {
    return this.#channels.get(channel)?.subscription ?? 'no';
  }

  async join(channel: string, member: Member): Promise<void> {
    const joined =
      this.#channels.get(channel) ?? new PresenceChannel(channel, { ...this.#deps, pool: this.#pool });
    this.#channels.set(channel, joined);
    await joined.join(member);
  }

  leave(channel: string, id: string): void {
    const joined = this.#channels.get(channel);
    if (joined === undefined) return;
    if (joined.isLast(id)) {
      this.#channels.delete(channel);
      joined.close();
    } else joined.leave(id);
  }

  stop(): void {
    for (const joined of this.#channels.values()) joined.close();
    this.#channels.clear();
    this.#pool.stop();
  }
}
