import { setMaxListeners } from 'node:events';
import { performance } from 'node:perf_hooks';
import { type ReceivedEvent, Probe, ProbeRefused } from '../probe/probe.ts';
import { type ProbeSite, publish } from '../probe/probe-site.ts';

/** So many events lost in a row, although the connection looks open: it may be dead. */
const LOST_IN_A_ROW = 3;
/** An event that comes twice comes twice within so many. */
const REMEMBERED = 100;

/**
 * What a step of the canary came to: it worked, the server failed, our own settings stand in the way, or nobody can say:
 * the server is full or busy, which clients can bring about, or this process cannot open a socket.
 */
export type Step = 'ok' | 'failed' | 'not-allowed' | 'unclear';

export interface CanaryEndpointNeeds {
  readonly site: ProbeSite;
  readonly channel: string;
  readonly timeoutMs: number;
  readonly connected: (ok: boolean, ms: number) => void;
  readonly subscribed: (ok: boolean) => void;
  /** True while the server lets nobody in because its memory is short. */
  readonly isFull?: (() => boolean) | undefined;
  /** Why the last step did not work; called only when it did not. */
  readonly failed: (step: Step, reason: string) => void;
}

/** The canary's place at one server: it sings there, and hears there what was sung anywhere. */
export class CanaryEndpoint {
  readonly #needs: CanaryEndpointNeeds;
  readonly #stopping = new AbortController();
  readonly #expected = new Map<string, (atMs?: number) => void>();
  readonly #heard = new Set<string>();
  #probe: Probe | undefined;
  #opening: Promise<Step> | undefined;
  #lostInARow = 0;
  doubled = 0;
  /** Connections that it has at this moment. */
  sockets = 0;
  /** When the present connection began to listen, in the time of `performance.now`. */
  openedAtMs = 0;

  constructor(needs: CanaryEndpointNeeds) {
    this.#needs = needs;
    setMaxListeners(0, this.#stopping.signal);
  }

  get isOpen(): boolean {
    return this.#probe?.isOpen === true;
  }

  /** Is connected and listens, or tries once; asked again meanwhile, it is the same try. */
  settle(): Promise<Step> {
    if (this.isOpen) return Promise.resolve('ok');
    if (this.#stopping.signal.aborted) return Promise.resolve('not-allowed');
    return (this.#opening ??= this.#open().finally(() => (this.#opening = undefined)));
  }

  async sing(song: string): Promise<Step> {
    const { site, channel, timeoutMs } = this.#needs;
    const data = JSON.stringify({ song });
    try {
      const { signal } = this.#stopping;
      const { status } = await publish(site, { name: 'canary', channel, data }, { timeoutMs, signal });
      if (status >= 200 && status < 300) return 'ok';
      return this.#fail(stepOf(status), `HTTP ${status}`);
    } catch (error) {
      return this.#fail(isLocal(error) ? 'unclear' : 'failed', (error as Error).message);
    }
  }

  /** When the song is heard here, in the time of `performance.now`; `undefined`: not in time, or it was forgotten. */
  hear(song: string): Promise<number | undefined> {
    return new Promise((resolve) => {
      const settle = (atMs?: number): void => {
        clearTimeout(timer);
        this.#expected.delete(song);
        resolve(atMs);
      };
      const timer = setTimeout(() => settle(), this.#needs.timeoutMs);
      this.#expected.set(song, settle);
      if (this.#stopping.signal.aborted) settle();
    });
  }

  /** It is not awaited any more. */
  forget(song: string): void {
    this.#expected.get(song)?.();
  }

  /** Whether this server brought us an event that it took. After some that it did not, a new connection is tried. */
  delivered(ok: boolean): void {
    this.#lostInARow = ok ? 0 : this.#lostInARow + 1;
    if (this.#lostInARow < LOST_IN_A_ROW) return;
    this.#lostInARow = 0;
    void this.#probe?.close();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#forgetAll();
    await this.#opening;
    await this.#probe?.close();
  }

  /** Connects as a newcomer would, subscribes and leaves. */
  async knock(): Promise<Step> {
    const opened = await this.#connect(() => undefined);
    if (!(opened instanceof Probe)) return opened;
    await opened.close();
    return 'ok';
  }

  async #open(): Promise<Step> {
    const opened = await this.#connect((arrival) => this.#arrived(arrival));
    if (!(opened instanceof Probe)) return opened;
    this.#probe = opened;
    // What was on its way to a connection that ended does not come any more.
    void opened.closed.then(() => this.#forgetAll());
    this.openedAtMs = performance.now();
    return 'ok';
  }

  /** A new connection on the channel; each step of it is told. */
  async #connect(heard: (arrival: ReceivedEvent) => void): Promise<Probe | Step> {
    const { site, channel, timeoutMs, connected, subscribed, isFull } = this.#needs;
    const beganMs = performance.now();
    let probe: Probe | undefined;
    try {
      const { signal } = this.#stopping;
      probe = await Probe.open(site, { timeoutMs, signal, heard });
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

  #forgetAll(): void {
    for (const settle of [...this.#expected.values()]) settle();
  }

  #fail(step: Step, reason: string): Step {
    if (!this.#stopping.signal.aborted) this.#needs.failed(step, reason);
    return step;
  }

  #arrived({ data, atMs }: ReceivedEvent): void {
    const song = /"song":"([\w:-]+)"/.exec(typeof data === 'string' ? data : JSON.stringify(data))?.[1];
    if (song === undefined) return;
    if (this.#heard.has(song)) this.doubled += 1;
    this.#heard.add(song);
    const oldest = this.#heard.size > REMEMBERED ? this.#heard.values().next().value : undefined;
    if (oldest !== undefined) this.#heard.delete(oldest);
    this.#expected.get(song)?.(atMs);
  }
}

/** Our request is wrong and stays wrong (key, secret, app id, event), or there were too many. */
function stepOf(status: number): Step {
  if (status === 429) return 'unclear';
  return status >= 400 && status < 500 && status !== 408 ? 'not-allowed' : 'failed';
}

/** The server has as many connections as it may (SPEC 2.14): clients decide how many there are. */
const FULL: readonly unknown[] = [4004, 4100];
/** This process has no file, port or memory left for a socket of its own. */
const LOCAL: readonly unknown[] = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'];
const isLocal = (error: unknown): boolean => LOCAL.includes((error as { code?: unknown }).code);

function stepAfter(error: unknown): Step {
  if (isLocal(error)) return 'unclear';
  if (!(error instanceof ProbeRefused)) return 'failed';
  if (FULL.includes(error.code)) return 'unclear';
  return error.isPermanent ? 'not-allowed' : 'failed';
}
