import type { Redis } from 'ioredis';
import type { Logger } from '../../../core/ports/logger.ts';
import type { Links } from '../link/links.ts';

const ASK_EVERY_MS = 400;
/** Questions in a row without an answer after which Redis counts as silent: well under two seconds. */
const SILENT_AFTER = 3;

/**
 * Knows within two seconds whether the servers still answer, whatever their connections look like. It counts questions
 * and not time, so that a stall of this process is not taken for one of Redis.
 */
export class Responsiveness {
  readonly #links: Links;
  readonly #logger: Logger;
  /** Questions that each server has left without an answer. */
  #unanswered = new Map<Redis, number>();
  #timer: NodeJS.Timeout | undefined;
  #wasAnswering = true;

  constructor(links: Links, logger: Logger) {
    this.#links = links;
    this.#logger = logger;
  }

  get isAnswering(): boolean {
    return [...this.#unanswered.values()].every((questions) => questions < SILENT_AFTER);
  }

  start(): void {
    this.#timer = setInterval(() => this.#askAll(), ASK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #askAll(): void {
    const servers = this.#links.servers();
    this.#unanswered = new Map(servers.map((server) => [server, (this.#unanswered.get(server) ?? 0) + 1]));
    for (const server of servers) this.#ask(server);
    this.#say();
  }

  #ask(server: Redis): void {
    const heard = (): void => {
      if (this.#unanswered.has(server)) this.#unanswered.set(server, 0);
      this.#say();
    };
    // A refusal is an answer as well.
    server.ping().then(heard, (error: unknown) => {
      if ((error as Error).name === 'ReplyError') heard();
    });
  }

  /** A link that is down is the attendant's to tell. */
  #say(): void {
    const { isAnswering } = this;
    if (isAnswering === this.#wasAnswering || !this.#links.isUp) return;
    this.#wasAnswering = isAnswering;
    if (isAnswering) this.#logger.warn('Redis answers again');
    else this.#logger.warn('Redis does not answer: publishing answers 503 until it does');
  }
}
