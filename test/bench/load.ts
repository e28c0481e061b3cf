/** One process that acts as all clients of one server and as its application; it reads one command a line. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Endpoint } from '../support/wire-http.ts';

/** How it is started, and what it is. */
export interface GeneratorKind {
  readonly name: string;
  readonly command: readonly string[];
  readonly core: number | undefined;
  /** True where its core is its own: it does not sleep while it measures, so that no server pays for waking it up. */
  readonly isAwake?: boolean;
}

/** Every answer has what it measured of time; `complaint`: the first thing that went wrong. */
export interface Interval {
  readonly seconds: number;
  readonly serverUs: number;
  readonly ownUs: number;
  readonly complaint: string;
}

export interface Opened extends Interval {
  readonly open: number;
  readonly failed: number;
}

export interface FannedOut extends Interval {
  readonly events: number;
  readonly deliveries: number;
  /** Of them: before the interval was over. */
  readonly inTime: number;
  readonly missing: number;
  readonly refused: number;
  readonly lost: number;
  /** Everything arrived. */
  readonly whole: boolean;
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

export interface Rested extends Interval {
  readonly open: number;
  readonly pings: number;
}

interface Answers {
  readonly open: Opened;
  readonly close: object;
  readonly fanout: FannedOut;
  readonly post: Repeated;
  readonly visit: Repeated;
  readonly churn: Repeated;
  readonly rest: Rested;
}

export type Parameters = Readonly<Record<string, number | string>>;

const PATIENCE_MS = 120_000;

export class Load {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  }

  static start({ host, port, id, key, secret }: Endpoint, kind: GeneratorKind): Load {
    const { command, core, isAwake = false } = kind;
    const pinned = core === undefined ? [] : ['taskset', '-c', `${core}`];
    const [program, ...args] = [...pinned, ...command, host, `${port}`, id, key, secret];
    const env = { ...process.env, GENERATOR_AWAKE: isAwake ? '1' : undefined };
    return new Load(spawn(program, args, { env, stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Sends one command at a time. Rejects when the generator ends, or does not answer for long. */
  async ask<Name extends keyof Answers>(name: Name, parameters: Parameters = {}): Promise<Answers[Name]> {
    const words = Object.entries(parameters).map(([key, value]) => `${key}=${value}`);
    this.#child.stdin.write(`${[name, ...words].join(' ')}\n`);
    const late = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE_MS);
    const { value, done } = await this.#lines.next();
    clearTimeout(late);
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
