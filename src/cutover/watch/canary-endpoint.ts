import { setMaxListeners } from 'node:events';
import { performance } from 'node:perf_hooks';
import { type ReceivedEvent, Probe, ProbeRefused } from '../probe/probe.ts';
import { type ProbeSite, publishAtSite } from '../probe/probe-site.ts';

/** After so many lost events in a row the connection counts as dead, although it looks open. */
const LOST_IN_A_ROW = 3;
/** Ids that are remembered to find duplicates. */
const REMEMBERED = 100;

/**
 * Result of one step of the canary. `not-allowed`: our own settings are wrong. `unclear`: the server is full or busy, which
 * clients can cause, or this process cannot open a socket.
 */
export type StepResult = 'ok' | 'failed' | 'not-allowed' | 'unclear';

export interface CanaryEndpointOptions {
  readonly site: ProbeSite;
  readonly channel: string;
  readonly timeoutMs: number;
  readonly connected: (ok: boolean, ms: number) => void;
  readonly subscribed: (ok: boolean) => void;
  /** True while the server admits no client because memory is short. */
  readonly isFull?: (() => boolean) | undefined;
  /** Called with the reason when a step is not `ok`. */
  readonly failed: (step: StepResult, reason: string) => void;
}

/** The canary's connection to one server: publishes canary events there, and receives those of both servers. */
export class CanaryEndpoint {
  readonly #options: CanaryEndpointOptions;
  readonly #stopping = new AbortController();
  readonly #expected = new Map<string, (atMs?: number) => void>();
  readonly #receivedIds = new Set<string>();
  #probe: Probe | undefined;
  #opening: Promise<StepResult> | undefined;
  #lostInARow = 0;
  doubled = 0;
  /** Open connections. */
  sockets = 0;
  /** When the present connection was subscribed (`performance.now`). */
  openedAtMs = 0;

  constructor(options: CanaryEndpointOptions) {
    this.#options = options;
    setMaxListeners(0, this.#stopping.signal);
  }

  get isOpen(): boolean {
    return this.#probe?.isOpen === true;
  }

  /** Connects and subscribes unless it is connected already; calls meanwhile share one attempt. */
  connect(): Promise<StepResult> {
    if (this.isOpen) return Promise.resolve('ok');
    if (this.#stopping.signal.aborted) return Promise.resolve('not-allowed');
    return (this.#opening ??= this.#open().finally(() => (this.#opening = undefined)));
  }

  async publish(eventId: string): Promise<StepResult> {
    const { site, channel, timeoutMs } = this.#options;
    const data = JSON.stringify({ event_id: eventId });
    try {
      const { signal } = this.#stopping;
      const { status } = await publishAtSite(site, { name: 'canary', channel, data }, { timeoutMs, signal });
      if (status >= 200 && status < 300) return 'ok';
      return this.#fail(stepOf(status), `HTTP ${status}`);
    } catch (error) {
      return this.#fail(isLocal(error) ? 'unclear' : 'failed', (error as Error).message);
    }
  }

  /** Resolves with the time (`performance.now`) at which the event arrives here; `undefined`: not in time, or `stopWaiting`. */
  waitFor(eventId: string): Promise<number | undefined> {
    return new Promise((resolve) => {
      const settle = (atMs?: number): void => {
        clearTimeout(timer);
        this.#expected.delete(eventId);
        resolve(atMs);
      };
      const timer = setTimeout(() => settle(), this.#options.timeoutMs);
      this.#expected.set(eventId, settle);
      if (this.#stopping.signal.aborted) settle();
    });
  }

  /** Resolves `waitFor` with `undefined`. */
  stopWaiting(eventId: string): void {
    this.#expected.get(eventId)?.();
  }

  /** Notes whether this server delivered an event that it accepted; after some that it did not, connects anew. */
  delivered(ok: boolean): void {
    this.#lostInARow = ok ? 0 : this.#lostInARow + 1;
    if (this.#lostInARow < LOST_IN_A_ROW) return;
    this.#lostInARow = 0;
    void this.#probe?.close();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#stopWaitingForAll();
    await this.#opening;
    await this.#probe?.close();
  }

  /** Connects as a new client, subscribes and closes. */
  async tryConnect(): Promise<StepResult> {
    const opened = await this.#openProbe(() => undefined);
    if (!(opened instanceof Probe)) return opened;
    await opened.close();
    return 'ok';
  }

  async #open(): Promise<StepResult> {
    const opened = await this.#openProbe((event) => this.#received(event));
    if (!(opened instanceof Probe)) return opened;
    this.#probe = opened;
    // Events on their way to a connection that ended do not arrive any more.
    void opened.closed.then(() => this.#stopWaitingForAll());
    this.openedAtMs = performance.now();
    return 'ok';
  }

  /** Opens a connection and subscribes; reports each step. */
  async #openProbe(received: (event: ReceivedEvent) => void): Promise<Probe | StepResult> {
    const { site, channel, timeoutMs, connected, subscribed, isFull } = this.#options;
    const beganMs = performance.now();
    let probe: Probe | undefined;
    try {
      const { signal } = this.#stopping;
      probe = await Probe.open(site, { timeoutMs, signal, received });
      this.sockets += 1;
      void probe.closed.then(() => (this.sockets -= 1));
      connected(true, performance.now() - beganMs);
      await probe.subscribe(channel);
      subscribed(true);
      return probe;
    } catch (error) {
      await probe?.close();
      if (this.#stopping.signal.aborted) return 'unclear';
      const step = isFull?.() === true ? 'unclear' : stepAfter(error);
      if (step === 'failed' && probe === undefined) connected(false, performance.now() - beganMs);
      if (step === 'failed' && probe !== undefined) subscribed(false);
      return this.#fail(step, (error as Error).message);
    }
  }

  #stopWaitingForAll(): void {
    for (const settle of [...this.#expected.values()]) settle();
  }

  #fail(step: StepResult, reason: string): StepResult {
    if (!this.#stopping.signal.aborted) this.#options.failed(step, reason);
    return step;
  }

  #received({ data, atMs }: ReceivedEvent): void {
    const eventId = /"event_id":"([\w:-]+)"/.exec(
      typeof data === 'string' ? data : JSON.stringify(data),
    )?.[1];
    if (eventId === undefined) return;
    if (this.#receivedIds.has(eventId)) this.doubled += 1;
    this.#receivedIds.add(eventId);
    const oldest = this.#receivedIds.size > REMEMBERED ? this.#receivedIds.values().next().value : undefined;
    if (oldest !== undefined) this.#receivedIds.delete(oldest);
    this.#expected.get(eventId)?.(atMs);
  }
}

/** 4xx: our request is wrong and stays wrong (key, secret, app id, event). 429: there were too many. */
function stepOf(status: number): StepResult {
  if (status === 429) return 'unclear';
  return status >= 400 && status < 500 && status !== 408 ? 'not-allowed' : 'failed';
}

/** The server has as many connections as it may (SPEC 2.14): clients decide how many there are. */
const FULL: readonly unknown[] = [4004, 4100];
/** This process has no file, port or memory left for a socket of its own. */
const LOCAL: readonly unknown[] = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'];
const isLocal = (error: unknown): boolean => LOCAL.includes((error as { code?: unknown }).code);

function stepAfter(error: unknown): StepResult {
  if (isLocal(error)) return 'unclear';
  if (!(error instanceof ProbeRefused)) return 'failed';
  if (FULL.includes(error.code)) return 'unclear';
  return error.isPermanent ? 'not-allowed' : 'failed';
}
