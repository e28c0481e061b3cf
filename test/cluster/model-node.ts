import type { Member } from '#protocol';
import { notYetInRoster } from '../../src/core/channels/subscribe-reply.ts';
import type { ChannelEvent, ChannelRef } from '../../src/core/ports/events.ts';
import type { WebhookWishes } from '../../src/core/ports/webhook-wishes.ts';
import { Mutex } from '../../src/core/util/mutex.ts';
import { Supervisor } from '../../src/stores/redis/node/supervisor.ts';
import { DeadlineScripts } from '../../src/stores/redis/deadline/deadline-scripts.ts';
import { RedisNodeCommands } from '../../src/stores/redis/node/node-commands.ts';
import { EvictionRepair } from '../../src/stores/redis/health/eviction-repair.ts';
import { InvalidData } from '../../src/stores/redis/health/invalid-data.ts';
import { Installation } from '../../src/stores/redis/node/installation.ts';
import { Keys } from '../../src/stores/redis/keys.ts';
import { RedisConnectionQuota } from '../../src/stores/redis/node/connection-quota.ts';
import type { Links } from '../../src/stores/redis/link/links.ts';
import { openLinks } from '../../src/stores/redis/link/open-links.ts';
import { Receiver } from '../../src/stores/redis/events/receiver.ts';
import { RedisMembership } from '../../src/stores/redis/membership/membership.ts';
import { ClusterNode } from '../../src/stores/redis/node/node.ts';
import type { RedisOptions } from '../../src/stores/redis/options.ts';
import { RedisOutbox } from '../../src/stores/redis/outbox/outbox.ts';
import { FakeLogger } from '../core/fakes.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { NO_FAULTS, FaultyConnection, type ConnectionFaults } from './faulty-connection.ts';
import { sleep } from '../../src/core/util/time.ts';

export const LEASE_MS = 800;
export const SETTLING_MS = 400;
const RENEWAL_MS = 60;

/** Runs a script on the connection that all nodes of a model share, so that the order of all scripts is known. */
export type Execute = (script: string, args: readonly unknown[], by: string) => Promise<unknown>;

export interface ModelNodeOptions {
  readonly name: string;
  readonly port: number;
  readonly prefix: string;
  readonly partitions: number;
  readonly random: SeededRandom;
  readonly faults: () => ConnectionFaults;
  readonly execute: Execute;
  readonly violated: (what: string) => void;
  readonly webhooks?: WebhookWishes;
  /** Time after which another node takes over what a node that ended was delivering. */
  readonly webhookOwnerMs?: number;
}

/** A client on one channel: its view is built from what it receives. */
interface ModelSocket {
  readonly id: string;
  readonly member: Member;
  held: ChannelEvent[] | undefined;
  view: Set<string>;
  readonly received: string[];
}

interface ModelChannel {
  readonly ref: ChannelRef;
  readonly mutex: Mutex;
  readonly sockets: Set<ModelSocket>;
}

export const SCRIPTS = ['attach', 'renew-lease', 'sync-channel', 'clean-up-node', 'read-roster'] as const;

/** A server process without transports: the Redis stores over faulty connections, and clients that check what they receive. */
export class ModelNode {
  readonly options: ModelNodeOptions;
  readonly keys: Keys;
  readonly node: ClusterNode;
  readonly membership: RedisMembership;
  readonly outbox: RedisOutbox | undefined;
  readonly #links: Links;
  readonly #receiver: Receiver;
  readonly #supervisor: Supervisor;
  readonly #channels = new Map<string, ModelChannel>();
  #connection: FaultyConnection;
  #renewalTimer: NodeJS.Timeout | undefined;
  #messages: Promise<unknown> = Promise.resolve();
  #sockets = 0;
  #suspended: Promise<void> | undefined;
  #isStarted = false;
  #isCut = false;
  hasEnded = false;

  constructor(needs: ModelNodeOptions) {
    this.options = needs;
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
    this.#connection = new FaultyConnection(needs.random, () => this.#faults());
    this.#makeCommandsFaulty();
    this.#delayMessages();
    const invalidData = new InvalidData(logger);
    const shared = { links: this.#links, keys: this.keys, logger };
    this.node = new ClusterNode({
      ...shared,
      options: { leaseMs: LEASE_MS, settlingMs: SETTLING_MS },
      installation: new Installation({ ...shared, apps: () => [] }),
    });
    const { webhooks: wishes, webhookOwnerMs: ownerMs } = needs;
    this.outbox = wishes && new RedisOutbox({ ...shared, wishes, ownerMs });
    this.membership = new RedisMembership({
      ...shared,
      node: this.node,
      transitions: this.outbox?.transitions,
    });
    this.#receiver = new Receiver({
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
    this.#supervisor = new Supervisor({
      ...shared,
      options,
      node,
      receiver: this.#receiver,
      quota,
      repair: new EvictionRepair({
        ...shared,
        node,
        membership,
        quota,
        apps: () => [],
        pauseMs: LEASE_MS,
        settleMs: 4 * LEASE_MS,
      }),
      nodeCommands: new RedisNodeCommands({ ...shared, deadlines, invalidData }),
    });
  }

  /** Starts without faults. */
  async start(): Promise<void> {
    await this.#supervisor.start();
    await this.outbox?.start();
    this.#isStarted = true;
    this.#renewalTimer = setInterval(() => {
      if (this.#suspended === undefined) this.#supervisor.beat();
    }, RENEWAL_MS);
  }

  // --- clients ---------------------------------------------------------------------------------

  async enter(ref: ChannelRef, member: Member): Promise<void> {
    const channel = this.#channel(ref);
    const socket: ModelSocket = {
      id: `${this.options.name.replace(/\D/g, '')}.${++this.#sockets}`,
      member,
      held: [],
      view: new Set(),
      received: [],
    };
    await channel.mutex.run(async () => {
      if (this.hasEnded) return;
      if (channel.sockets.size === 0) await this.#receiver.subscribe(ref);
      const isNew = ![...channel.sockets].some((other) => other.member.id === member.id);
      channel.sockets.add(socket);
      const subscriptions = channel.sockets.size;
      if (isNew) await this.membership.join(ref, { subscriptions, member, socketId: socket.id });
      else this.membership.count(ref, subscriptions);
    });
    try {
      const roster = await this.membership.members(ref);
      // The socket may have left meanwhile.
      if (channel.sockets.has(socket)) this.#subscribed(socket, roster);
    } catch {
      await this.#leave(channel, socket);
    }
  }

  async leave(ref: ChannelRef, random: SeededRandom): Promise<void> {
    const channel = this.#channel(ref);
    const socket = random.pick([...channel.sockets]);
    if (socket !== undefined) await this.#leave(channel, socket);
  }

  async leaveAll(): Promise<void> {
    const leaving = [...this.#channels.values()].flatMap((channel) =>
      [...channel.sockets].map((socket) => this.#leave(channel, socket)),
    );
    await Promise.all(leaving);
  }

  /** Returns the number of sockets and the users that this node has on a channel. */
  expected(channel: string): { readonly sockets: number; readonly users: readonly string[] } {
    const sockets = [...(this.#channels.get(channel)?.sockets ?? [])];
    return { sockets: sockets.length, users: [...new Set(sockets.map(({ member }) => member.id))] };
  }

  /** Describes how the views of clients differ from the expected users. */
  viewProblems(channel: string, expectedUsers: readonly string[]): string[] {
    const expected = [...expectedUsers].sort().join();
    return [...(this.#channels.get(channel)?.sockets ?? [])]
      .filter(({ view }) => [...view].sort().join() !== expected)
      .map(
        ({ id, view, received }) =>
          `${id} of ${this.options.name} on ${channel} has the view [${[...view].join()}] after ${received.join(' ')}`,
      );
  }

  // --- faults ----------------------------------------------------------------------------------

  cutCommands(): void {
    this.#isCut = true;
    this.#reconnect();
    this.#links.commands.disconnect(true);
  }

  cutSubscriber(): void {
    this.#links.subscriber.reopen();
  }

  /** Suspends the process: renews nothing, and holds all commands and messages. */
  async sleep(ms: number): Promise<void> {
    if (this.#suspended !== undefined || this.hasEnded) return;
    this.#connection.pause();
    this.#suspended = sleep(ms);
    await this.#suspended;
    this.#suspended = undefined;
    this.#connection.resume();
  }

  /** Ends without leaving the cluster. */
  crash(): void {
    this.#end();
    this.#reconnect();
    this.#links.close();
    // Nothing of it reaches Redis any more: only its timer ends.
    void this.outbox?.stop();
  }

  async stop(): Promise<void> {
    this.#end();
    await this.outbox?.stop();
    await this.#supervisor.stop();
  }

  // --- private ----------------------------------------------------------------------------------

  #end(): void {
    this.hasEnded = true;
    clearInterval(this.#renewalTimer);
    this.#channels.clear();
  }

  #faults(): ConnectionFaults {
    return this.#isStarted ? this.options.faults() : NO_FAULTS;
  }

  #channel(ref: ChannelRef): ModelChannel {
    const channel = this.#channels.get(ref.channel) ?? { ref, mutex: new Mutex(), sockets: new Set() };
    this.#channels.set(ref.channel, channel);
    return channel;
  }

  #leave(channel: ModelChannel, socket: ModelSocket): Promise<void> {
    return channel.mutex.run(async () => {
      if (!channel.sockets.delete(socket) || this.hasEnded) return;
      const { member } = socket;
      const isLast = ![...channel.sockets].some((other) => other.member.id === member.id);
      const subscriptions = channel.sockets.size;
      if (subscriptions === 0) await this.#receiver.unsubscribe(channel.ref);
      if (isLast) await this.membership.leave(channel.ref, { subscriptions, member });
      else this.membership.count(channel.ref, subscriptions);
    });
  }

  #subscribed(socket: ModelSocket, roster: readonly Member[]): void {
    const ids = roster.map(({ id }) => id);
    socket.view = new Set(ids);
    socket.received.push(`[${ids.join()}]`);
    if (socket.view.size !== ids.length) this.#violated(socket, `a roster names a user twice: ${ids.join()}`);
    if (!socket.view.has(socket.member.id)) this.#violated(socket, `not on its own roster: ${ids.join()}`);
    const held = notYetInRoster(socket.held ?? [], roster);
    socket.held = undefined;
    for (const event of held) this.#receive(socket, event);
  }

  #deliver(ref: ChannelRef, event: ChannelEvent): void {
    for (const socket of this.#channels.get(ref.channel)?.sockets ?? []) {
      if (socket.held !== undefined) socket.held.push(event);
      else this.#receive(socket, event);
    }
  }

  #receive(socket: ModelSocket, { memberChange: change, except }: ChannelEvent): void {
    if (change === undefined || except === socket.id) return;
    socket.received.push(`${change.joined ? '+' : '-'}${change.id}`);
    if (socket.view.has(change.id) === change.joined)
      this.#violated(socket, 'receives a change that was already applied');
    if (change.joined) socket.view.add(change.id);
    else socket.view.delete(change.id);
  }

  #violated(socket: ModelSocket, what: string): void {
    this.options.violated(
      `${socket.id} (${socket.member.id}) of ${this.options.name}: ${what}: ${socket.received.join(' ')}`,
    );
  }

  #reconnect(): void {
    const old = this.#connection;
    this.#connection = new FaultyConnection(this.options.random, () => this.#faults());
    void old.cut();
  }

  #makeCommandsFaulty(): void {
    const { execute, name } = this.options;
    this.#links.events.on('up', () => (this.#isCut = false));
    const commands = this.#links.commands as unknown as Record<string, unknown>;
    for (const script of SCRIPTS) {
      commands[`wavehall_${script}`] = (...args: unknown[]) => {
        if (!this.#links.isUp || this.#isCut) return Promise.reject(new Error('Connection is closed.'));
        return this.#connection.run(() => execute(script, args, name));
      };
    }
  }

  /** Delays pub/sub messages, in their order; a suspended process receives them when it resumes. */
  #delayMessages(): void {
    const { events } = this.#links.subscriber;
    const emit = events.emit.bind(events) as (...args: unknown[]) => boolean;
    const delayed = (event: string, ...args: unknown[]): boolean => {
      if (event !== 'message') return emit(event, ...args);
      const delayMs = this.options.random.below(this.#faults().longestDelayMs + 1);
      this.#messages = this.#messages
        .then(() => this.#suspended)
        .then(() => (delayMs > 0 ? sleep(delayMs) : undefined))
        .then(() => {
          if (!this.hasEnded) emit(event, ...args);
        });
      return true;
    };
    events.emit = delayed as typeof events.emit;
  }
}
