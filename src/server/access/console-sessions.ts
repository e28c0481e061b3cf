import { createHash, randomBytes } from 'node:crypto';
import { SESSION_MS, type Sessions, type SessionStore } from '../../admin/console/sessions.ts';
import { RequestBucket } from '../../core/requests/token-bucket.ts';
import type { WorkerGroup } from '../worker-group.ts';

/** Questions to the other workers about a session that this one does not know: anybody can cause them. */
const ASK_RATE = { perSecond: 20, burst: 20 };

interface KnownSession {
  readonly digest: string;
  readonly untilMs: number;
}

/**
 * Sessions of the console for all workers: one is opened and closed on each, and a worker that begins later learns those that are
 * open. Ids leave no process, only their digests do.
 */
export class SharedSessions implements SessionStore {
  readonly #own: Sessions;
  readonly #workers: WorkerGroup | undefined;
  readonly #clock: () => number;
  readonly #asks: RequestBucket;

  constructor(own: Sessions, workers: WorkerGroup | undefined, clock: () => number = Date.now) {
    this.#own = own;
    this.#workers = workers;
    this.#clock = clock;
    this.#asks = new RequestBucket(clock());
    workers?.onRequest('console-open', (session) => this.#add(session as KnownSession));
    workers?.onRequest('console-close', (session) => this.#own.close((session as KnownSession).digest));
    workers?.onRequest('console-list', () => this.#list());
    workers?.onRequest('console-find', (session) => this.#find(session as KnownSession));
  }

  /** Learns the sessions of the workers that serve already. Call it before this one serves: they may be replaced then. */
  async learn(): Promise<void> {
    const lists = ((await this.#workers?.requestAll('console-list')) ?? []) as KnownSession[][];
    const known = lists.flat().sort((one, other) => one.untilMs - other.untilMs);
    for (const session of known) this.#add(session);
  }

  async open(): Promise<string> {
    const id = randomBytes(32).toString('base64url');
    const session = { digest: digestOf(id), untilMs: this.#clock() + SESSION_MS };
    this.#add(session);
    await this.#workers?.requestAll('console-open', session);
    return id;
  }

  async has(id: string): Promise<boolean> {
    const digest = digestOf(id);
    const nowMs = this.#clock();
    if (this.#own.untilMs(digest, nowMs) !== undefined) return true;
    if (this.#workers === undefined || !this.#asks.take(ASK_RATE, nowMs).isTaken) return false;
    const found = (await this.#workers.requestAll('console-find', { digest, untilMs: 0 })).map(Number);
    const untilMs = Math.max(0, ...found);
    if (untilMs > nowMs) this.#add({ digest, untilMs });
    return untilMs > nowMs;
  }

  async close(id: string): Promise<void> {
    const session = { digest: digestOf(id), untilMs: 0 };
    this.#own.close(session.digest);
    await this.#workers?.requestAll('console-close', session);
  }

  #list(): KnownSession[] {
    return [...this.#own.entries()].map(([digest, untilMs]) => ({ digest, untilMs }));
  }

  #add({ digest, untilMs }: KnownSession): true {
    this.#own.open(digest, untilMs);
    return true;
  }

  /** End of a session; 0: it is not known here. */
  #find({ digest }: KnownSession): number {
    return this.#own.untilMs(digest, this.#clock()) ?? 0;
  }
}

const digestOf = (id: string): string => createHash('sha256').update(id).digest('base64url');
