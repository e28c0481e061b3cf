import { randomBytes } from 'node:crypto';
import { OutcomeUnknown, Unavailable } from '../../../core/ports/failures.ts';
import { sleep, within } from '../../../core/util/time.ts';
import type { Keys } from '../keys.ts';
import { type Links, runIdIn } from '../link/links.ts';
import { Markers } from './markers.ts';
import type { ClusterNode } from '../node/node.ts';
import type { ScriptName } from '../link/script-names.ts';
import { run } from '../link/scripts.ts';
import { ServerClock } from './server-clock.ts';

/** A server's clock may be slowed down or hurried a little to agree with others. */
const SLEW_MS = 5;
const ASK_AGAIN_MS = 25;

/** Redis or the client said that the script was not carried out, and it never will be. */
const REFUSED =
  /(^|-)(OOM|READONLY|MISCONF|NOREPLICAS|LOADING|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|MOVED|ASK|BUSY|NOAUTH|WRONGPASS|NOSCRIPT) |^NOPERM |Stream isn't writeable/;

/** A script that was sent. */
interface Sent {
  readonly partition: number;
  readonly marker: string;
  readonly id: string;
  /** The server that was attached to then. */
  readonly runId: string;
  /** By the server's clock: it does nothing later. */
  readonly deadlineMs: number;
  readonly sentMs: number;
  /** The caller has an answer by then. */
  readonly endMs: number;
}

interface Needs {
  readonly links: Links;
  readonly keys: Keys;
  readonly node: ClusterNode;
  /** Time for Redis to answer. */
  readonly timeoutMs: number;
}

/**
 * Sends scripts that must not be carried out after they were given up. Each has a deadline on the clock of Redis, before
 * the moment at which this node gives up, and does nothing after it. After a silence Redis is asked for its time first:
 * whoever waits for that has sent nothing. When an answer is lost, Redis is asked whether the script was carried out.
 */
export class DeadlineScripts {
  readonly #needs: Needs;
  readonly #markers: Markers;
  /** One for each server that may answer. */
  readonly #clocks: readonly ServerClock[];
  readonly #asking = new Map<ServerClock, Promise<void>>();
  #id = 0;
  #unknownOutcomes = 0;

  constructor(needs: Needs) {
    const { links, keys, timeoutMs } = needs;
    this.#needs = needs;
    this.#markers = new Markers(keys, randomBytes(9).toString('base64url'));
    // Each partition of a Cluster may be on a server of its own.
    const servers = links.publishCommand === 'SPUBLISH' ? keys.partitions : 1;
    this.#clocks = Array.from({ length: servers }, () => new ServerClock(timeoutMs / 2));
    links.events.on('down', () => this.#clocks.forEach((clock) => clock.forget()));
  }

  /** Scripts of which it could not be found out whether they were carried out. */
  get unknownOutcomes(): number {
    return this.#unknownOutcomes;
  }

  /**
   * Resolves when the script was carried out, with what it answers after OK and the time: nothing, when that answer was
   * lost. Rejects with `Unavailable` when it was not and never will be, with `OutcomeUnknown` when that cannot be found
   * out. `keys` and `args` follow those that each such script begins with: the marker; the earliest and the latest time,
   * the id, and how long the marker is kept in ms.
   */
  async send(
    partition: number,
    script: ScriptName,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<readonly (number | string)[]> {
    const { links, node, timeoutMs } = this.#needs;
    if (!node.isAttached) throw new Unavailable('Redis is away.');
    const bornMs = performance.now();
    const clock = this.#clockOf(partition);
    // Whoever comes while others wait waits as well: what is sent keeps its order.
    const asking =
      this.#asking.get(clock) ?? (clock.isSure(bornMs) ? undefined : this.#ask(clock, partition));
    if (asking !== undefined) await asking;
    const sentMs = performance.now();
    if (sentMs - bornMs > timeoutMs / 2) throw new Unavailable('Redis was silent for too long.');
    const marker = this.#markers.take(partition);
    const sent: Sent = {
      partition,
      marker,
      sentMs,
      id: `${(this.#id += 1)}`,
      runId: node.runId(partition),
      // The rest of the time is for the answer.
      deadlineMs: clock.atMs(bornMs + (timeoutMs * 5) / 6),
      endMs: bornMs + timeoutMs * 1.25,
    };
    const head = [clock.atMs(sentMs) - SLEW_MS, sent.deadlineMs, sent.id, 4 * timeoutMs];
    try {
      const said = run(links.commands, script, [marker, ...keys], [...head, ...args]);
      const leftMs = bornMs + timeoutMs - sentMs;
      // The client has a clock of its own for each command, which starts when it is sent.
      return await this.#answered(
        leftMs > timeoutMs - 1 ? said : within(said, leftMs, noAnswer),
        sent,
        clock,
      );
    } finally {
      this.#markers.giveBack(partition, marker);
    }
  }

  async #answered(
    said: Promise<unknown>,
    sent: Sent,
    clock: ServerClock,
  ): Promise<readonly (number | string)[]> {
    let answer: readonly [status: string, shownMs: number, ...rest: (number | string)[]];
    try {
      answer = (await said) as typeof answer;
    } catch (error) {
      if (REFUSED.test(causeOf(error))) throw error;
      await this.#findOut(sent, error);
      return [];
    }
    const [status, shownMs, ...rest] = answer;
    clock.answered(shownMs, sent.sentMs, performance.now());
    if (status !== 'OK') throw new Unavailable('Redis came to it too late, and did nothing.');
    return rest;
  }

  /** Resolves when it is known that the script was carried out. */
  async #findOut(sent: Sent, cause: unknown): Promise<void> {
    const { links, keys, node } = this.#needs;
    const names = [keys.generation(sent.partition), sent.marker];
    for (let leftMs = sent.endMs - performance.now(); leftMs > 0; leftMs = sent.endMs - performance.now()) {
      if (node.isAttached) {
        const asked = run(links.commands, 'ran', names, [sent.id, sent.deadlineMs]);
        const answer = (await within(asked, leftMs).catch(() => undefined)) as [string, string] | undefined;
        if (answer?.[0] === 'RAN') return;
        // Another server may lack what the one before it had done.
        if (answer !== undefined && runIdIn(answer[1]) !== sent.runId) break;
        if (answer?.[0] === 'UNKNOWN') break;
        if (answer?.[0] === 'NEVER') throw new Unavailable('Redis did not get to it.', { cause });
      }
      await sleep(ASK_AGAIN_MS);
    }
    this.#unknownOutcomes += 1;
    throw new OutcomeUnknown('Redis did not say whether it took it.', { cause });
  }

  /** Resolves when Redis has said what time it is: one question for all who wait. */
  #ask(clock: ServerClock, partition: number): Promise<void> {
    const asking = this.#askTime(clock, partition).finally(() => this.#asking.delete(clock));
    this.#asking.set(clock, asking);
    return asking;
  }

  async #askTime(clock: ServerClock, partition: number): Promise<void> {
    const { links, keys } = this.#needs;
    const sentMs = performance.now();
    const shownMs = await run(links.commands, 'clock', [keys.generation(partition)], []);
    clock.answered(Number(shownMs), sentMs, performance.now());
  }

  #clockOf(partition: number): ServerClock {
    const clock = this.#clocks[partition % this.#clocks.length];
    if (clock === undefined) throw new RangeError(`No partition ${partition}`);
    return clock;
  }
}

const causeOf = (error: unknown): string => ((error as Error).cause as Error | undefined)?.message ?? '';

function noAnswer(): never {
  throw new Unavailable('Redis did not answer in time.');
}
