import { setTimeout as sleep } from 'node:timers/promises';
import type { Member } from '#protocol';
import { notYetInRoster } from '../../src/core/channels/subscribe-reply.ts';
import type { ChannelEvent, ChannelRef } from '../../src/core/ports/cluster.ts';
import { Mutex } from '../../src/core/util/mutex.ts';
import { Supervisor } from '../../src/stores/redis/node/supervisor.ts';
import { DeadlineScripts } from '../../src/stores/redis/deadline/deadline-scripts.ts';
import { RedisControl } from '../../src/stores/redis/node/control.ts';
import { EvictionRepair } from '../../src/stores/redis/health/eviction-repair.ts';
import { InvalidData } from '../../src/stores/redis/health/invalid-data.ts';
import { Installation } from '../../src/stores/redis/node/installation.ts';
import { Keys } from '../../src/stores/redis/keys.ts';
import { RedisConnectionQuota } from '../../src/stores/redis/node/connection-quota.ts';
import { type Links, openLinks } from '../../src/stores/redis/link/links.ts';
import { Receiver } from '../../src/stores/redis/events/receiver.ts';
import { RedisMembership } from '../../src/stores/redis/membership/membership.ts';
import { ClusterNode } from '../../src/stores/redis/node/node.ts';
import type { RedisOptions } from '../../src/stores/redis/options.ts';
import { FakeLogger } from '../core/fakes.ts';
import type { Chance } from './chance.ts';
import { NO_FAULTS, Wire, type WireFaults } from './wire.ts';

export const LEASE_MS = 800;
export const QUIET_MS = 400;
const BEAT_MS = 60;

/** Runs a script on the connection that all nodes of a world share, so that what scripts did has one order. */
export type Execute = (script: string, args: readonly unknown[], by: string) => Promise<unknown>;

export interface NodeNeeds {
  readonly name: string;
  readonly port: number;
  readonly prefix: string;
  readonly partitions: number;
  readonly chance: Chance;
  readonly faults: () => WireFaults;
  readonly execute: Execute;
  readonly violated: (what: string) => void;
}

/** A client on one channel: it believes what it is told. */
interface ModelSocket {
  readonly id: string;
  readonly member: Member;
  held: ChannelEvent[] | undefined;
  view: Set<string>;
  readonly told: string[];
}

interface Room {
  readonly ref: ChannelRef;
  readonly gate: Mutex;
  readonly sockets: Set<ModelSocket>;
}

export const SCRIPTS = ['attach', 'renew-lease', 'sync-channel', 'clean-up-node', 'read-roster'] as const;

/** A server process without its transports: the real store over bad connections, and clients that check what they hear. */
export class ModelNode {
  readonly needs: NodeNeeds;
  readonly keys: Keys;
  readonly node: ClusterNode;
  readonly membership: RedisMembership;
  readonly #links: Links;
  readonly #listener: Receiver;
  readonly #attendant: Supervisor;
  readonly #rooms = new Map<string, Room>();
  #wire: Wire;
  #beating: NodeJS.Timeout | undefined;
  #bus: Promise<unknown> = Promise.resolve();
  #sockets = 0;
  #isAsleep: Promise<void> | undefined;
  #isStarted = false;
  #isCut = false;
  isGone = false;

  constructor(needs: NodeNeeds) {
    this.needs = needs;
    this.keys = new Keys(needs.prefix, needs.partitions);
    const logger = new FakeLogger();
    const options: RedisOptions = {
      host: '127.0.0.1',
      port: needs.port,
      database: 0,
      tls: false,
      keyPrefix: needs.prefix,
      partitions: needs.partitions,
      leaseMs: LEASE_MS,
      commandTimeoutMs: 1000,
    };
    this.#links = openLinks(options, this.keys, logger);
    this.#wire = new Wire(needs.chance, () => this.#faults());
    this.#spoilCommands();
    this.#spoilBus();
    const invalidData = new InvalidData(logger);
    const shared = { links: this.#links, keys: this.keys, logger };
    this.node = new ClusterNode({
      ...shared,
      options: { leaseMs: LEASE_MS, settlingMs: QUIET_MS },
      installation: new Installation({ ...shared, apps: [] }),
    });
    this.membership = new RedisMembership({ ...shared, node: this.node });
    this.#listener = new Receiver({
      ...shared,
      invalidData,
      members: this.membership,
    });
    this.membership.start((ref, event) => this.#deliver(ref, event));
    const quota = new RedisConnectionQuota({ ...shared, node: this.node });
    const { node, membership } = this;
    const deadlines = new DeadlineScripts({
      ...shared,
      node: this.node,
      timeoutMs: options.commandTimeoutMs,
    });
    this.#attendant = new Supervisor({
      ...shared,
      options,
      node,
      receiver: this.#listener,
      quota,
      repair: new EvictionRepair({
        ...shared,
        node,
        membership,
        quota,
        apps: [],
        pauseMs: LEASE_MS,
        settleMs: 4 * LEASE_MS,
      }),
      control: new RedisControl({ ...shared, deadlines, invalidData }),
    });
  }

  /** Without faults: a start that fails is no start. */
  async start(): Promise<void> {
    await this.#attendant.start();
    this.#isStarted = true;
    this.#beating = setInterval(() => {
      if (this.#isAsleep === undefined) this.#attendant.beat();
    }, BEAT_MS);
  }

  // --- clients ---------------------------------------------------------------------------------

  async enter(ref: ChannelRef, member: Member): Promise<void> {
    const room = this.#room(ref);
    const socket: ModelSocket = {
      id: `${this.needs.name.replace(/\D/g, '')}.${++this.#sockets}`,
      member,
      held: [],
      view: new Set(),
      told: [],
    };
    await room.gate.run(async () => {
      if (this.isGone) return;
      if (room.sockets.size === 0) await this.#listener.subscribe(ref);
      const isNew = ![...room.sockets].some((other) => other.member.id === member.id);
      room.sockets.add(socket);
      const subscriptions = room.sockets.size;
      if (isNew) await this.membership.join(ref, { subscriptions, member, socketId: socket.id });
      else this.membership.count(ref, subscriptions);
    });
    try {
      const roster = await this.membership.members(ref);
      // Somebody may have made it leave meanwhile.
      if (room.sockets.has(socket)) this.#greet(socket, roster);
    } catch {
      await this.#leave(room, socket);
    }
  }

  async leave(ref: ChannelRef, chance: Chance): Promise<void> {
    const room = this.#room(ref);
    const socket = chance.pick([...room.sockets]);
    if (socket !== undefined) await this.#leave(room, socket);
  }

  async leaveAll(): Promise<void> {
    const leaving = [...this.#rooms.values()].flatMap((room) =>
      [...room.sockets].map((socket) => this.#leave(room, socket)),
    );
    await Promise.all(leaving);
  }

  /** Users with their numbers of sockets, per channel. */
  truth(channel: string): { readonly sockets: number; readonly users: readonly string[] } {
    const sockets = [...(this.#rooms.get(channel)?.sockets ?? [])];
    return { sockets: sockets.length, users: [...new Set(sockets.map(({ member }) => member.id))] };
  }

  /** What is wrong with what clients believe. */
  wrongViews(channel: string, truth: readonly string[]): string[] {
    const expected = [...truth].sort().join();
    return [...(this.#rooms.get(channel)?.sockets ?? [])]
      .filter(({ view }) => [...view].sort().join() !== expected)
      .map(
        ({ id, view, told }) =>
          `${id} of ${this.needs.name} on ${channel} believes [${[...view].join()}] after ${told.join(' ')}`,
      );
  }

  // --- faults ----------------------------------------------------------------------------------

  cutCommands(): void {
    this.#isCut = true;
    this.#renewWire();
    this.#links.commands.disconnect(true);
  }

  cutSubscriber(): void {
    this.#links.subscriber.reopen();
  }

  /** Neither beats nor answers; what it has sent and what it is told waits. */
  async sleep(ms: number): Promise<void> {
    if (this.#isAsleep !== undefined || this.isGone) return;
    this.#wire.pause();
    this.#isAsleep = sleep(ms);
    await this.#isAsleep;
    this.#isAsleep = undefined;
    this.#wire.resume();
  }

  /** Gone without a word. */
  crash(): void {
    this.#end();
    this.#renewWire();
    this.#links.close();
  }

  async stop(): Promise<void> {
    this.#end();
    await this.#attendant.stop();
  }

  // --- within ----------------------------------------------------------------------------------

  #end(): void {
    this.isGone = true;
    clearInterval(this.#beating);
    this.#rooms.clear();
  }

  #faults(): WireFaults {
    return this.#isStarted ? this.needs.faults() : NO_FAULTS;
  }

  #room(ref: ChannelRef): Room {
    const room = this.#rooms.get(ref.channel) ?? { ref, gate: new Mutex(), sockets: new Set() };
    this.#rooms.set(ref.channel, room);
    return room;
  }

  #leave(room: Room, socket: ModelSocket): Promise<void> {
    return room.gate.run(async () => {
      if (!room.sockets.delete(socket) || this.isGone) return;
      const { member } = socket;
      const isLast = ![...room.sockets].some((other) => other.member.id === member.id);
      const subscriptions = room.sockets.size;
      if (subscriptions === 0) await this.#listener.unsubscribe(room.ref);
      if (isLast) await this.membership.leave(room.ref, { subscriptions, member });
      else this.membership.count(room.ref, subscriptions);
    });
  }

  #greet(socket: ModelSocket, roster: readonly Member[]): void {
    const ids = roster.map(({ id }) => id);
    socket.view = new Set(ids);
    socket.told.push(`[${ids.join()}]`);
    if (socket.view.size !== ids.length)
      this.#violated(socket, `a roster names somebody twice: ${ids.join()}`);
    if (!socket.view.has(socket.member.id)) this.#violated(socket, `not on its own roster: ${ids.join()}`);
    const held = notYetInRoster(socket.held ?? [], roster);
    socket.held = undefined;
    for (const event of held) this.#hear(socket, event);
  }

  #deliver(ref: ChannelRef, event: ChannelEvent): void {
    for (const socket of this.#rooms.get(ref.channel)?.sockets ?? []) {
      if (socket.held !== undefined) socket.held.push(event);
      else this.#hear(socket, event);
    }
  }

  #hear(socket: ModelSocket, { memberChange: news, except }: ChannelEvent): void {
    if (news === undefined || except === socket.id) return;
    socket.told.push(`${news.joined ? '+' : '-'}${news.id}`);
    if (socket.view.has(news.id) === news.joined) this.#violated(socket, 'is told what it knows');
    if (news.joined) socket.view.add(news.id);
    else socket.view.delete(news.id);
  }

  #violated(socket: ModelSocket, what: string): void {
    this.needs.violated(
      `${socket.id} (${socket.member.id}) of ${this.needs.name}: ${what}: ${socket.told.join(' ')}`,
    );
  }

  #renewWire(): void {
    const old = this.#wire;
    this.#wire = new Wire(this.needs.chance, () => this.#faults());
    void old.cut();
  }

  #spoilCommands(): void {
    const { execute, name } = this.needs;
    this.#links.events.on('up', () => (this.#isCut = false));
    const commands = this.#links.commands as unknown as Record<string, unknown>;
    for (const script of SCRIPTS) {
      commands[`wavehall_${script}`] = (...args: unknown[]) => {
        if (!this.#links.isUp || this.#isCut) return Promise.reject(new Error('Connection is closed.'));
        return this.#wire.run(() => execute(script, args, name));
      };
    }
  }

  /** Messages of the bus come late, in their order; a process that sleeps gets them when it wakes. */
  #spoilBus(): void {
    const { events } = this.#links.subscriber;
    const emit = events.emit.bind(events) as (...args: unknown[]) => boolean;
    const spoilt = (event: string, ...args: unknown[]): boolean => {
      if (event !== 'message') return emit(event, ...args);
      const delayMs = this.needs.chance.below(this.#faults().longestDelayMs + 1);
      this.#bus = this.#bus
        .then(() => this.#isAsleep)
        .then(() => (delayMs > 0 ? sleep(delayMs) : undefined))
        .then(() => {
          if (!this.isGone) emit(event, ...args);
        });
      return true;
    };
    events.emit = spoilt as typeof events.emit;
  }
}
