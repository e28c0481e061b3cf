import { SeededRandom } from '../support/seeded-random.ts';
import { HonestClient } from './honest-client.ts';
import { filesOf, heldBy, rssMbOf, type Target } from './target.ts';
import { sleep } from '../../src/core/util/time.ts';

/** An attack of hostile clients. It ends by itself; `release` closes what it leaves open. */
export interface Attack {
  readonly name: string;
  /** MiB by which the resident memory may grow meanwhile, where it can be seen. */
  readonly rssGrowthMb?: number;
  /** Draws come from `chance` alone, so that a seed replays it. Adds what went wrong to `faults`. */
  run(target: Target, chance: SeededRandom, faults: string[]): Promise<Release | undefined>;
}

/** Lets go of what an attack still holds at its own end. */
export type Release = () => void;

export interface Outcome {
  readonly name: string;
  readonly seconds: number;
  readonly longestPingMs: number;
  readonly files: Course;
  readonly rssMb: Course;
  /** Memory that a full collection leaves, before and after. */
  readonly retainedMb: Pick<Course, 'before' | 'after'>;
  readonly faults: readonly string[];
  /** Of these, what does not depend on who answers: what is left, and an honest client that was closed. */
  readonly lasting: readonly string[];
}

interface Course {
  readonly before: number | undefined;
  readonly most: number | undefined;
  readonly after: number | undefined;
}

export interface AttackOptions {
  readonly seed: number;
  /** How long the server may take to let go of everything while the attacker keeps its ends open. */
  readonly recoveryMs?: number;
}

const SAMPLE_EVERY_MS = 50;
const RECOVERY_MS = 30_000;
/** Files that come and go by themselves: the log, a connection of the checks. */
const FILES_SLACK = 8;
/** Compiled code, and what is remembered on purpose: events of the history, the keys in Redis of 10,000 channels (15 MiB, reached by 25,000 channels). */
const RETAINED_SLACK_MB = 20;

/** Runs one attack beside an honest client, and looks at what is left of it before the attacker lets go. */
export async function attack(
  target: Target,
  { name, rssGrowthMb, ...act }: Attack,
  { seed, recoveryMs = RECOVERY_MS }: AttackOptions,
): Promise<Outcome> {
  const faults: string[] = [];
  const lasting: string[] = [];
  const retainedBefore = await target.retainedMb?.();
  const honestClient = await HonestClient.open(target);
  const files = new Samples(() => filesOf(target));
  const memory = new Samples(() => rssMbOf(target));
  const startedAtMs = Date.now();
  const release = await act.run(target, new SeededRandom(seed), faults).catch((error: unknown) => {
    lasting.push(`it could not go on: ${String(error)}`);
    return undefined;
  });
  const seconds = (Date.now() - startedAtMs) / 1000;
  await honestClient.close(10_000);
  if (honestClient.wasClosed) lasting.push('the honest client was closed');
  if (rssGrowthMb !== undefined && isAbove(memory.most, memory.before, rssGrowthMb))
    lasting.push(`its memory grew from ${memory.before} to ${memory.most} MiB`);
  const wanted = { files: files.before, retainedMb: retainedBefore };
  await recovered(target, wanted, recoveryMs, lasting);
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

/** Resources of the server before the attack; undefined where they cannot be seen. */
interface Before {
  readonly files: number | undefined;
  readonly retainedMb: number | undefined;
}

/** Checks that nothing is left: no connection, no channel, no file, no memory. */
async function recovered(target: Target, before: Before, limitMs: number, faults: string[]): Promise<void> {
  const until = Date.now() + limitMs;
  let left = '';
  do {
    left = await whatIsLeft(target, before).catch((error: unknown) => String(error));
    if (left === '') return;
    await sleep(100);
  } while (Date.now() < until);
  faults.push(`left after ${limitMs / 1000} s: ${left}`);
}

async function whatIsLeft(target: Target, before: Before): Promise<string> {
  const { connections, channels } = await heldBy(target);
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
  #most: number | undefined;
  readonly #read: () => number | undefined;
  readonly #timer: NodeJS.Timeout;

  constructor(read: () => number | undefined) {
    this.#read = read;
    this.before = this.#most = read();
    this.#timer = setInterval(() => this.#take(), SAMPLE_EVERY_MS);
  }

  get most(): number | undefined {
    return this.#most;
  }

  end(): Course {
    clearInterval(this.#timer);
    return { before: this.before, most: this.#most, after: this.#read() };
  }

  #take(): void {
    const now = this.#read();
    if (now !== undefined && now > (this.#most ?? 0)) this.#most = now;
  }
}
