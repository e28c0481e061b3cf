import { Unavailable } from '../../../core/ports/failures.ts';
import type { Logger } from '../../../core/ports/logger.ts';
import type { RedisControl } from './control.ts';
import type { EvictionRepair } from '../health/eviction-repair.ts';
import type { Keys } from '../keys.ts';
import type { RedisConnectionQuota } from './connection-quota.ts';
import { type Links, runIdIn } from '../link/links.ts';
import type { Receiver } from '../events/receiver.ts';
import type { ClusterNode } from './node.ts';
import type { RedisOptions } from '../options.ts';
import { explain } from '../link/errors.ts';
import { HealthCheck } from '../health/health-check.ts';
import { WriteErrors } from '../link/write-errors.ts';
import { checkPermissions, checkRedis, PreflightError } from '../health/preflight.ts';

/** Beats with a call of our own unheard after which the listening link is taken for deaf. */
const DEAF_AFTER_BEATS = 3;

interface Needs {
  readonly options: RedisOptions;
  readonly links: Links;
  readonly node: ClusterNode;
  readonly listener: Receiver;
  readonly quota: RedisConnectionQuota;
  readonly control: RedisControl;
  readonly keys: Keys;
  readonly logger: Logger;
  readonly repair: EvictionRepair;
}

/**
 * Keeps this node's place in the cluster. Whatever goes wrong with a link, the next beat tries again: nothing is queued
 * meanwhile, and nobody has to lend a hand. What happened is said once, and that it is over is said once.
 */
export class Supervisor {
  readonly #needs: Needs;
  readonly #pulse: HealthCheck;
  #refusals: WriteErrors | undefined;
  #isListening = false;
  #isStopped = false;
  #resuming: Promise<void> | undefined;
  #wasReady = true;
  /** What was said of the outage that is on. */
  #said: string | undefined;
  #silentBeats = 0;
  /** The servers that this node is attached to. */
  #servers = '';

  constructor(needs: Needs) {
    this.#needs = needs;
    const { logger, repair } = needs;
    this.#pulse = new HealthCheck({ logger, onEvicted: (keys) => repair.evicted(keys) });
  }

  get isReady(): boolean {
    return this.#needs.node.isAttached && this.#isListening && this.#refusals?.areThere !== true;
  }

  /** Rejects, with a sentence for the operator, when Redis cannot be reached or used: then there is no point in starting. */
  async start(): Promise<void> {
    const { links, node, control, keys, logger, options } = this.#needs;
    try {
      await links.connect();
      await checkRedis(links, keys, logger);
      await Promise.all([node.attach(), control.listen()]);
      this.#servers = await this.#runIds();
      await this.#pulse.begin(links.servers());
    } catch (error) {
      links.close();
      if (error instanceof PreflightError) throw error;
      throw new Unavailable(explain(error, options).sentence, { cause: error });
    }
    this.#isListening = true;
    this.#watch();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#needs.node.leave();
    this.#needs.links.close();
  }

  /** Called several times within a lease. */
  beat(): void {
    if (this.#isStopped) return;
    const { links, node, listener } = this.#needs;
    this.#pulse.feel(links.servers());
    if (links.isUp && !node.isAttached) void this.#attach();
    if (links.subscriber.isUp && (!this.#isListening || listener.isBehind)) void this.#resume();
    if (node.isAttached) void this.#beat();
    if (links.isUp) void this.#checkServers();
    if (node.isAttached && this.#isListening) this.#checkHearing();
  }

  /** What Redis refused may be over without anybody trying it again: nobody is sent to a node that is not ready. */
  async #beat(): Promise<void> {
    const { node, links, keys, repair } = this.#needs;
    const isWell = await node.beat();
    if (node.isQuiet) repair.suspect();
    void repair.beat();
    if (isWell) await this.#refusals?.review(() => checkPermissions(links, keys));
  }

  #watch(): void {
    const { links, options, logger } = this.#needs;
    const { events, subscriber } = links;
    this.#refusals = new WriteErrors(links.commands, options, logger);
    const mention = (error: Error): void => this.#mention(error);
    events.on('down', () => this.#lost());
    events.on('up', () => void this.#attach());
    events.on('problem', mention);
    subscriber.events.on('down', () => {
      this.#isListening = false;
      this.#lost();
    });
    subscriber.events.on('up', () => void this.#resume());
    subscriber.events.on('problem', mention);
  }

  async #attach(): Promise<void> {
    const { node, quota, links, listener } = this.#needs;
    try {
      const servers = await this.#runIds();
      await node.attach();
      this.#servers = servers;
      quota.tellAll();
      this.#back();
      // What could not be read while this link was away is read now.
      if (links.subscriber.isUp && (!this.#isListening || listener.isBehind)) void this.#resume();
    } catch {
      // The next beat tries again.
    }
  }

  #resume(): Promise<void> {
    this.#resuming ??= this.#listen().finally(() => {
      this.#resuming = undefined;
    });
    return this.#resuming;
  }

  async #listen(): Promise<void> {
    try {
      await this.#needs.control.listen();
      await this.#needs.listener.resume();
      this.#isListening = this.#needs.links.subscriber.isUp;
      this.#silentBeats = 0;
      this.#back();
    } catch {
      // The next beat tries again.
    }
  }

  /** A Cluster may put another server in a broken one's place without any link going down here. */
  async #checkServers(): Promise<void> {
    const now = await this.#runIds().catch(() => this.#servers);
    if (now !== this.#servers && this.#needs.node.isAttached) await this.#attach();
  }

  async #runIds(): Promise<string> {
    const { links } = this.#needs;
    if (links.publishCommand === 'PUBLISH') return '';
    const infos = await Promise.all(links.servers().map((server) => server.info('server')));
    return infos.map(runIdIn).sort().join();
  }

  /** The link may stand and bring nothing: Redis may deliver to somebody else by now. */
  #checkHearing(): void {
    const { control, logger, links } = this.#needs;
    this.#silentBeats = control.hears ? 0 : this.#silentBeats + 1;
    if (this.#silentBeats < DEAF_AFTER_BEATS) return control.callOut();
    this.#silentBeats = 0;
    logger.warn('The link to Redis hears nothing any more: it is opened again');
    links.subscriber.reopen();
  }

  #lost(): void {
    const { node, links, logger } = this.#needs;
    if (!links.isUp) node.detach();
    if (!this.#wasReady || this.#isStopped) return;
    this.#wasReady = false;
    this.#said = undefined;
    logger.warn('Redis is away: publishing answers 503 until it is back');
  }

  /** Why Redis does not come back, when somebody can mend it. */
  #mention(error: Error): void {
    if (this.#wasReady) return;
    const { kind, sentence } = explain(error, this.#needs.options);
    if (kind === 'away' || kind === 'state' || sentence === this.#said) return;
    this.#said = sentence;
    this.#needs.logger.warn(`Redis stays away: ${sentence}`);
  }

  #back(): void {
    if (this.#wasReady || !this.#needs.node.isAttached || !this.#isListening) return;
    this.#wasReady = true;
    this.#needs.logger.warn('Redis is back');
  }
}
