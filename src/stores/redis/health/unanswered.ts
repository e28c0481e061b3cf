import type { Redis } from 'ioredis';
import type { Logger } from '../../../core/ports/logger.ts';
import { Histogram } from '../../../core/util/histogram.ts';
import { serverNameOf } from './eviction-policy.ts';
import type { Links } from '../link/links.ts';

const PING_EVERY_MS = 400;
/** Pings in a row without an answer after which Redis counts as unresponsive: well under two seconds. */
const UNRESPONSIVE_AFTER = 3;

/**
 * Detects within two seconds that a server no longer answers, even while its connection is open. It counts pings instead of
 * time, so that a stall of this process is not taken for one of Redis.
 */
export class Responsiveness {
  /** Times of the pings that were answered, in seconds. */
  readonly roundTrip = new Histogram();
  readonly #links: Links;
  readonly #logger: Logger;
  /** Number of pings in a row that each server has not answered. */
  #unanswered = new Map<Redis, number>();
  #timer: NodeJS.Timeout | undefined;
  #wasAnswering = true;

  constructor(links: Links, logger: Logger) {
    this.#links = links;
    this.#logger = logger;
  }

  get isAnswering(): boolean {
    return this.#silentServers().length === 0;
  }

  start(): void {
    this.#timer = setInterval(() => this.#pingAll(), PING_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #silentServers(): Redis[] {
    return [...this.#unanswered].flatMap(([server, pings]) => (pings < UNRESPONSIVE_AFTER ? [] : [server]));
  }

  #pingAll(): void {
    const servers = this.#links.servers();
    this.#unanswered = new Map(servers.map((server) => [server, (this.#unanswered.get(server) ?? 0) + 1]));
    for (const server of servers) this.#ping(server);
    this.#log();
  }

  #ping(server: Redis): void {
    const sentMs = performance.now();
    const onAnswer = (): void => {
      this.roundTrip.observe((performance.now() - sentMs) / 1000);
      if (this.#unanswered.has(server)) this.#unanswered.set(server, 0);
      this.#log();
    };
    // An error reply is an answer too.
    server.ping().then(onAnswer, (error: unknown) => {
      if ((error as Error).name === 'ReplyError') onAnswer();
    });
  }

  /** Logs a change; a connection that is down is logged by `Supervisor`. */
  #log(): void {
    const { isAnswering } = this;
    if (isAnswering === this.#wasAnswering || !this.#links.isUp) return;
    this.#wasAnswering = isAnswering;
    if (isAnswering) this.#logger.warn('Redis answers again');
    else
      this.#logger.warn(
        'Redis is connected but does not answer: until it does, publishes, /up and /ready are answered with 503; connected clients stay. Check Redis',
        { servers: this.#silentServers().map(serverNameOf).join(', ') },
      );
  }
}
