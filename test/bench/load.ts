/** The generator: one process that acts as all clients and as the application of one server; it reads one command per line. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Endpoint } from '../support/wire-http.ts';

/** Which generator to start, and how. */
export interface GeneratorKind {
  readonly name: string;
  readonly command: readonly string[];
  readonly core: number | undefined;
  /** True if it has a core of its own: it polls without sleeping while it measures, so that no server spends time on waking it up. */
  readonly isBusyPolling?: boolean;
}

/** Times of a measurement; `firstError`: the first error. */
export interface Interval {
  readonly seconds: number;
  readonly serverUs: number;
  readonly ownUs: number;
  readonly firstError: string;
}

export interface Opened extends Interval {
  readonly open: number;
  readonly failed: number;
  /** Time from connecting to the last answer, of those that this command opened. */
  readonly meanMs: number;
  readonly p99Ms: number;
}

export interface FannedOut extends Interval {
  readonly events: number;
  readonly deliveries: number;
  /** Deliveries before the interval ended. */
  readonly inTime: number;
  readonly missing: number;
  readonly refused: number;
  readonly lost: number;
  /** True if every delivery arrived. */
  readonly whole: boolean;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly probes: number;
  readonly probeP50Ms: number;
  readonly probeP99Ms: number;
}

export interface Repeated extends Interval {
  readonly rounds: number;
  readonly bad: number;
  readonly arrivals: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Idle extends Interval {
  readonly open: number;
  readonly pings: number;
}

interface Answers {
  readonly open: Opened;
  readonly close: object;
  readonly fanout: FannedOut;
  readonly post: Repeated;
  readonly handshake: Repeated;
  readonly churn: Repeated;
  readonly idle: Idle;
}

export type Parameters = Readonly<Record<string, number | string>>;

const TIMEOUT_MS = 120_000;

export class Load {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  }

  static start({ host, port, id, key, secret }: Endpoint, kind: GeneratorKind): Load {
    const { command, core, isBusyPolling = false } = kind;
    const pinned = core === undefined ? [] : ['taskset', '-c', `${core}`];
    const [program, ...args] = [...pinned, ...command, host, `${port}`, id, key, secret];
    const env = { ...process.env, GENERATOR_BUSY_POLL: isBusyPolling ? '1' : undefined };
    return new Load(spawn(program, args, { env, stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Runs one command; only one at a time. Rejects when the generator ends or does not answer in time. */
  async run<Name extends keyof Answers>(name: Name, parameters: Parameters = {}): Promise<Answers[Name]> {
    const words = Object.entries(parameters).map(([key, value]) => `${key}=${value}`);
    this.#child.stdin.write(`${[name, ...words].join(' ')}\n`);
    const timeout = setTimeout(() => this.#child.kill('SIGKILL'), TIMEOUT_MS);
    const { value, done } = await this.#lines.next();
    clearTimeout(timeout);
    if (done === true) throw new Error(`The generator ended at "${name}"`);
    return JSON.parse(value) as Answers[Name];
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}
