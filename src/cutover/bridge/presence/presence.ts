import type { Credential, Member } from '#protocol';
import type { PresenceReceiver, SubscriptionState } from '../ports/receiver.ts';
import { Pool, type PoolDeps } from './pool.ts';
import { PresenceChannel } from './presence-channel.ts';

interface PresenceDeps extends PoolDeps {
  readonly credential: Credential;
  readonly receiver: PresenceReceiver;
  isDisconnected(): boolean;
}

/** SPEC 11.10: the presence channels of one app on which this node has members. */
export class BridgePresence {
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
    for (const { memberCount } of this.#channels.values()) members += memberCount;
    return members;
  }

  channel(name: string): PresenceChannel | undefined {
    return this.#channels.get(name);
  }

  subscriptionOf(name: string): SubscriptionState {
    return this.#channels.get(name)?.subscription ?? 'none';
  }

  async join(name: string, member: Member): Promise<void> {
    const channel =
      this.#channels.get(name) ?? new PresenceChannel(name, { ...this.#deps, pool: this.#pool });
    this.#channels.set(name, channel);
    await channel.join(member);
  }

  leave(name: string, id: string): void {
    const channel = this.#channels.get(name);
    if (channel === undefined) return;
    if (channel.isLast(id)) {
      this.#channels.delete(name);
      channel.close();
    } else channel.leave(id);
  }

  stop(): void {
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
    this.#pool.stop();
  }
}
