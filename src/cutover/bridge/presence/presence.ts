import type { Credential, Member } from '#protocol';
import type { Complaining } from './member-connection.ts';
import type { PresenceListener } from '../ears.ts';
import type { Hearing } from '../echo/echoes.ts';
import type { BridgeLimits } from '../limits.ts';
import type { LinkNeeds } from '../connection/link.ts';
import { Pool } from './pool.ts';
import { PresenceChannel } from './presence-channel.ts';
import type { BridgeCounters } from '../state.ts';

interface Needs extends Complaining {
  readonly link: Omit<LinkNeeds, 'turn'>;
  readonly credential: Credential;
  readonly limits: BridgeLimits;
  readonly figures: BridgeCounters;
  readonly ears: PresenceListener;
  isAway(): boolean;
}

/** SPEC 11.10: the presence channels of one app on which this node has members. */
export class Presence {
  readonly #needs: Needs;
  readonly #pool: Pool;
  readonly #rooms = new Map<string, PresenceChannel>();

  constructor(needs: Needs) {
    this.#needs = needs;
    this.#pool = new Pool(needs);
  }

  get connections(): number {
    return this.#pool.open;
  }

  get channels(): number {
    return this.#rooms.size;
  }

  get members(): number {
    let members = 0;
    for (const room of this.#rooms.values()) members += room.members;
    return members;
  }

  room(channel: string): PresenceChannel | undefined {
    return this.#rooms.get(channel);
  }

  hearing(channel: string): Hearing {
    return this.#rooms.get(channel)?.hearing ?? 'no';
  }

  async join(channel: string, member: Member): Promise<void> {
    const room =
      this.#rooms.get(channel) ?? new PresenceChannel(channel, { ...this.#needs, pool: this.#pool });
    this.#rooms.set(channel, room);
    await room.join(member);
  }

  leave(channel: string, id: string): void {
    const room = this.#rooms.get(channel);
    if (room === undefined) return;
    if (room.isAlone(id)) {
      this.#rooms.delete(channel);
      room.close();
    } else room.leave(id);
  }

  stop(): void {
    for (const room of this.#rooms.values()) room.close();
    this.#rooms.clear();
    this.#pool.stop();
  }
}
