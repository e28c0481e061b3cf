import { Unavailable } from '../../../core/ports/failures.ts';
import type { Logger } from '../../../core/ports/logger.ts';
import type { RedisNodeCommands } from './node-commands.ts';
import type { EvictionRepair } from '../health/eviction-repair.ts';
import type { Keys } from '../keys.ts';
import type { RedisConnectionQuota } from './connection-quota.ts';
import { type Links, runIdIn } from '../link/links.ts';
import type { Receiver } from '../events/receiver.ts';
import type { ClusterNode } from './node.ts';
import { describeServers } from '../link/servers.ts';
import type { RedisOptions } from '../options.ts';
import { explainError } from '../link/errors.ts';
import { HealthCheck } from '../health/health-check.ts';
import { WriteErrors } from '../link/write-errors.ts';
import { checkPermissions, checkRedis, PreflightError } from '../health/preflight.ts';

/** Beats without the loopback message after which the subscription is opened again. */
const RECONNECT_AFTER_BEATS = 3;
/** Subscriptions without an answer, on a connection that is up, after which it is replaced. */
const RECONNECT_AFTER_FAILURES = 3;

interface SupervisorDeps {
  readonly options: RedisOptions;
  readonly links: Links;
  readonly node: ClusterNode;
  readonly receiver: Receiver;
  readonly quota: RedisConnectionQuota;
  readonly nodeCommands: RedisNodeCommands;
  readonly keys: Keys;
  readonly logger: Logger;
  readonly repair: EvictionRepair;
}

/**
 * Keeps this node attached to the cluster. After any failure of a connection the next beat tries again, without an operator;
 * nothing is queued meanwhile. The start of an outage is logged once, and its end once.
 */
export class Supervisor {
  readonly #deps: SupervisorDeps;
  readonly #healthCheck: HealthCheck;
  #writeErrors: WriteErrors | undefined;
  #isSubscribed = false;
  #isStopped = false;
  #resuming: Promise<void> | undefined;
  #wasReady = true;
  /** The reason that was logged for the present outage. */
  #reportedReason: string | undefined;
  #beatsWithoutLoopback = 0;
  #failedSubscriptions = 0;
  /** Run ids of the servers that this node is attached to. */
  #servers = '';

  constructor(deps: SupervisorDeps) {
    this.#deps = deps;
    const { logger, repair } = deps;
    this.#healthCheck = new HealthCheck({ logger, onEvicted: (keys) => repair.onEvicted(keys) });
  }

  get isReady(): boolean {
    return this.#deps.node.isAttached && this.#isSubscribed && this.#writeErrors?.isActive !== true;
  }

  /** Connects and attaches. Rejects with a sentence for the operator when Redis cannot be reached or used. */
  async start(): Promise<void> {
    const { links, node, nodeCommands, keys, logger, options } = this.#deps;
    try {
      await links.connect();
      await checkRedis(links, keys, logger, options);
      await Promise.all([node.attach(), nodeCommands.subscribe()]);
      this.#servers = await this.#runIds();
      await this.#healthCheck.start(links.servers());
    } catch (error) {
      links.close();
      if (error instanceof PreflightError) throw error;
      throw new Unavailable(explainError(error, options).sentence, { cause: error });
    }
    this.#isSubscribed = true;
    this.#watchLinks();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#deps.node.leave();
    this.#deps.links.close();
  }

  /** Called several times within a lease. */
  beat(): void {
    if (this.#isStopped) return;
    const { links, node, receiver } = this.#deps;
    this.#healthCheck.check(links.servers());
    if (links.isUp && !node.isAttached) void this.#attach();
    if (links.subscriber.isUp && (!this.#isSubscribed || receiver.needsResume)) void this.#resume();
    if (node.isAttached) void this.#beat();
    if (links.isUp) void this.#checkServers();
    if (node.isAttached && this.#isSubscribed) this.#checkLoopback();
  }

  /** Also checks whether refused writes work again: no client tries them, since load balancers avoid a node that is not ready. */
  async #beat(): Promise<void> {
    const { node, links, keys, repair, options } = this.#deps;
    const isAccepted = await node.beat();
    if (node.isSettling) repair.schedule();
    void repair.beat();
    if (isAccepted) await this.#writeErrors?.review(() => checkPermissions(links, keys, options));
  }

  #watchLinks(): void {
    const { links, options, logger } = this.#deps;
    const { events, subscriber } = links;
    this.#writeErrors = new WriteErrors(links.commands, options, logger);
    const report = (error: Error): void => this.#reportReason(error);
    events.on('down', () => this.#onConnectionLost());
    events.on('up', () => void this.#attach());
    events.on('problem', report);
    subscriber.events.on('down', () => {
      this.#isSubscribed = false;
      this.#onConnectionLost();
    });
    subscriber.events.on('up', () => void this.#resume());
    subscriber.events.on('problem', report);
  }

  async #attach(): Promise<void> {
    const { node, quota, links, receiver } = this.#deps;
    try {
      const servers = await this.#runIds();
      await node.attach();
      this.#servers = servers;
      quota.sendAll();
      this.#onReady();
      // Reads what could not be read while this connection was down.
      if (links.subscriber.isUp && (!this.#isSubscribed || receiver.needsResume)) void this.#resume();
    } catch {
      // The next beat tries again.
    }
  }

  #resume(): Promise<void> {
    this.#resuming ??= this.#subscribeAll().finally(() => {
      this.#resuming = undefined;
    });
    return this.#resuming;
  }

  async #subscribeAll(): Promise<void> {
    try {
      await this.#subscribeToCommands();
      await this.#deps.receiver.resume();
      this.#isSubscribed = this.#deps.links.subscriber.isUp;
      this.#beatsWithoutLoopback = 0;
      this.#onReady();
    } catch {
      // The next beat tries again.
    }
  }

  /**
   * Replaces a connection that seems up but answers no subscription, e.g. after a firewall lost its state: without
   * subscriptions there is no loopback message by which that would be noticed.
   */
  async #subscribeToCommands(): Promise<void> {
    const { nodeCommands, links } = this.#deps;
    try {
      await nodeCommands.subscribe();
      this.#failedSubscriptions = 0;
    } catch (error) {
      this.#failedSubscriptions = links.subscriber.isUp ? this.#failedSubscriptions + 1 : 0;
      if (this.#failedSubscriptions >= RECONNECT_AFTER_FAILURES) {
        this.#failedSubscriptions = 0;
        links.subscriber.reopen();
      }
      throw error;
    }
  }

  /** Attaches again when a Cluster has replaced a server without any connection of this node going down. */
  async #checkServers(): Promise<void> {
    const now = await this.#runIds().catch(() => this.#servers);
    if (now !== this.#servers && this.#deps.node.isAttached) await this.#attach();
  }

  async #runIds(): Promise<string> {
    const { links } = this.#deps;
    if (links.publishCommand === 'PUBLISH') return '';
    const infos = await Promise.all(links.servers().map((server) => server.info('server')));
    return infos.map(runIdIn).sort().join();
  }

  /** Reopens the subscription when it is connected but receives nothing: Redis may no longer know its subscriptions. */
  #checkLoopback(): void {
    const { nodeCommands, logger, links } = this.#deps;
    this.#beatsWithoutLoopback = nodeCommands.isLoopbackIntact ? 0 : this.#beatsWithoutLoopback + 1;
    if (this.#beatsWithoutLoopback < RECONNECT_AFTER_BEATS) return nodeCommands.sendLoopback();
    this.#beatsWithoutLoopback = 0;
    logger.warn('The subscription to Redis is open but receives no messages: it is opened again');
    links.subscriber.reopen();
  }

  #onConnectionLost(): void {
    const { node, links, logger, options } = this.#deps;
    if (!links.isUp) node.detach();
    if (!this.#wasReady || this.#isStopped) return;
    this.#wasReady = false;
    this.#reportedReason = undefined;
    logger.warn(
      'Lost the connection to Redis: until it is back, publishes, /up and /ready are answered with 503 and new subscriptions are refused; connected clients stay. Check Redis and the network',
      { redis: describeServers(options) },
    );
  }

  /** Logs why Redis cannot be reached again, when an operator can fix it. */
  #reportReason(error: Error): void {
    if (this.#wasReady) return;
    const { kind, sentence } = explainError(error, this.#deps.options);
    if (kind === 'unreachable' || kind === 'state' || sentence === this.#reportedReason) return;
    this.#reportedReason = sentence;
    this.#deps.logger.warn(`Cannot reconnect to Redis: ${sentence}`);
  }

  #onReady(): void {
    if (this.#wasReady || !this.#deps.node.isAttached || !this.#isSubscribed) return;
    this.#wasReady = true;
    this.#deps.logger.warn('Reconnected to Redis');
  }
}
