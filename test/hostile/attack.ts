import { SeededRandom } from '../support/seeded-random.ts';
import { HonestClient } from './honest-client.ts';
import { filesOf, occupancyOf, rssMbOf, type Target } from './target.ts';
import { sleep } from '../../src/core/util/time.ts';

/** An attack of hostile clients that ends by itself. */
export interface Attack {
  readonly name: string;
  /** MiB by which the resident memory may grow during the attack, if it can be measured. */
  readonly rssGrowthMb?: number;
  /** Makes all random choices with `random`, so that a seed repeats it. Adds what went wrong to `faults`. */
  run(target: Target, random: SeededRandom, faults: string[]): Promise<Release | undefined>;
}

/** Closes what an attack leaves open. */
export type Release = () => void;

export interface Outcome {
  readonly name: string;
  readonly seconds: number;
  readonly longestPingMs: number;
  readonly files: Measured;
  readonly rssMb: Measured;
  /** Memory after a full garbage collection, before and after the attack. */
  readonly retainedMb: Pick<Measured, 'before' | 'after'>;
  readonly faults: readonly string[];
  /** Those of the faults that Wavehall causes even if another server answers: leftovers, and a closed honest client. */
  readonly lasting: readonly string[];
}

interface Measured {
  readonly before: number | undefined;
  readonly max: number | undefined;
  readonly after: number | undefined;
}

export interface AttackOptions {
  readonly seed: number;
  /** How long the server may take to release everything while the attacker keeps its sockets open. */
  readonly recoveryMs?: number;
}

const SAMPLE_EVERY_MS = 50;
const RECOVERY_MS = 30_000;
/** Files that change independently of the attack: the log, a connection of the checks. */
const FILES_SLACK = 8;
/** Compiled code and caches: events of the history, the keys in Redis of 10,000 channels (15 MiB, reached by 25,000 channels). */
const RETAINED_SLACK_MB = 20;

/** Runs one attack together with an honest client, and checks what is left before the attacker closes its sockets. */
export async function attack(
  target: Target,
  { name, rssGrowthMb, ...rest }: Attack,
  { seed, recoveryMs = RECOVERY_MS }: AttackOptions,
): Promise<Outcome> {
  const faults: string[] = [];
  const lasting: string[] = [];
  const retainedBefore = await target.retainedMb?.();
  const honestClient = await HonestClient.open(target);
  const files = new Samples(() => filesOf(target));
  const memory = new Samples(() => rssMbOf(target));
  const startedAtMs = Date.now();
  const release = await rest.run(target, new SeededRandom(seed), faults).catch((error: unknown) => {
    lasting.push(`the attack failed: ${String(error)}`);
    return undefined;
  });
  const seconds = (Date.now() - startedAtMs) / 1000;
  await honestClient.close(10_000);
  if (honestClient.wasClosed) lasting.push('the honest client was closed');
  if (rssGrowthMb !== undefined && isAbove(memory.max, memory.before, rssGrowthMb))
    lasting.push(`its memory grew from ${memory.before} to ${memory.max} MiB`);
  const before = { files: files.before, retainedMb: retainedBefore };
  await checkReleased(target, before, recoveryMs, lasting);
  const retainedAfter = await target.retainedMb?.();
  release?.();
  return {
    name,
    seconds: Math.round(seconds * 10) / 10,
    longestPingMs: Math.round(honestClient.longestPingMs),
    files: files.end(),
    rssMb: memory.end(),
    retainedMb: { before: retainedBefore, after: retainedAfter },
    faults: [...lasting, ...faults.slice(0, 20)],
    lasting,
  };
}

/** Resources of the server before the attack; undefined if they cannot be measured. */
interface Before {
  readonly files: number | undefined;
  readonly retainedMb: number | undefined;
}

/** Checks that the server has released all connections, channels, files and memory. */
async function checkReleased(
  target: Target,
  before: Before,
  limitMs: number,
  faults: string[],
): Promise<void> {
  const until = Date.now() + limitMs;
  let left = '';
  do {
    left = await leftovers(target, before).catch((error: unknown) => String(error));
    if (left === '') return;
    await sleep(100);
  } while (Date.now() < until);
  faults.push(`left after ${limitMs / 1000} s: ${left}`);
}

async function leftovers(target: Target, before: Before): Promise<string> {
  const { connections, channels } = await occupancyOf(target);
  const files = filesOf(target);
  const retainedMb = await target.retainedMb?.();
  return [
    ...(connections === 0 ? [] : [`${connections} connections`]),
    ...(channels.length === 0 ? [] : [`${channels.length} channels (${channels[0]})`]),
    ...(isAbove(files, before.files, FILES_SLACK) ? [`${files} files (${before.files} before)`] : []),
    ...(isAbove(retainedMb, before.retainedMb, RETAINED_SLACK_MB)
      ? [`${retainedMb} MiB (${before.retainedMb} before)`]
      : []),
  ].join(', ');
}

const isAbove = (now: number | undefined, before: number | undefined, slack: number): boolean =>
  now !== undefined && before !== undefined && now > before + slack;

class Samples {
  readonly before: number | undefined;
  #max: number | undefined;
  readonly #read: () => number | undefined;
  readonly #timer: NodeJS.Timeout;

  constructor(read: () => number | undefined) {
    this.#read = read;
    this.before = this.#max = read();
    this.#timer = setInterval(() => this.#sample(), SAMPLE_EVERY_MS);
  }

  get max(): number | undefined {
    return this.#max;
  }

  end(): Measured {
    clearInterval(this.#timer);
    return { before: this.before, max: this.#max, after: this.#read() };
  }

  #sample(): void {
    const now = this.#read();
    if (now !== undefined && now > (this.#max ?? 0)) this.#max = now;
  }
}
