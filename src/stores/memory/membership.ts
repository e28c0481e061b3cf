import { encode, type Member } from '#protocol';
import type {
  Broker,
  ChannelRef,
  Joining,
  Leaving,
  Membership,
  Occupancy,
} from '../../core/ports/cluster.ts';

interface Room {
  subscriptions: number;
  /** In the order in which they joined. */
  readonly members: Map<string, Member>;
}

/** The membership of the only node. */
export class MemoryMembership implements Membership {
  readonly #apps = new Map<string, Map<string, Room>>();
  readonly #broker: Broker;

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  async join(ref: ChannelRef, { subscriptions, member, socketId }: Joining): Promise<void> {
    const room = this.#roomFor(ref);
    room.subscriptions = subscriptions;
    if (member === undefined || room.members.has(member.id)) return;
    room.members.set(member.id, member);
    const payload = encode.memberAdded(ref.channel, member);
    await this.#broker.publish(ref, {
      payload,
      except: socketId,
      memberChange: { id: member.id, joined: true },
    });
  }

  async leave(ref: ChannelRef, { subscriptions, member }: Leaving): Promise<void> {
    const room = this.#room(ref);
    if (room === undefined) return;
    room.subscriptions = subscriptions;
    const known = member && room.members.get(member.id);
    if (known !== undefined) room.members.delete(known.id);
    if (subscriptions === 0) this.#close(ref);
    if (known === undefined) return;
    const payload = encode.memberRemoved(ref.channel, known);
    await this.#broker.publish(ref, { payload, memberChange: { id: known.id, joined: false } });
  }

  count(ref: ChannelRef, subscriptions: number): void {
    const room = this.#room(ref);
    if (room !== undefined) room.subscriptions = subscriptions;
  }

  members(ref: ChannelRef): Promise<readonly Member[]> {
    return Promise.resolve([...(this.#room(ref)?.members.values() ?? [])]);
  }

  occupancy(ref: ChannelRef): Promise<Occupancy> {
    return Promise.resolve(occupancyOf(this.#room(ref)));
  }

  channels(app: string, prefix: string): Promise<ReadonlyMap<string, Occupancy>> {
    const rooms = [...(this.#apps.get(app) ?? [])].filter(([name]) => name.startsWith(prefix));
    return Promise.resolve(new Map(rooms.map(([name, room]) => [name, occupancyOf(room)])));
  }

  #room(ref: ChannelRef): Room | undefined {
    return this.#apps.get(ref.app)?.get(ref.channel);
  }

  #roomFor(ref: ChannelRef): Room {
    const rooms = this.#apps.get(ref.app) ?? new Map<string, Room>();
    this.#apps.set(ref.app, rooms);
    const room = rooms.get(ref.channel) ?? { subscriptions: 0, members: new Map<string, Member>() };
    rooms.set(ref.channel, room);
    return room;
  }

  #close(ref: ChannelRef): void {
    const rooms = this.#apps.get(ref.app);
    rooms?.delete(ref.channel);
    if (rooms?.size === 0) this.#apps.delete(ref.app);
  }
}

const occupancyOf = (room: Room | undefined): Occupancy => ({
  subscriptions: room?.subscriptions ?? 0,
  users: room?.members.size ?? 0,
});
