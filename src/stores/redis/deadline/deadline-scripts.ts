import { randomBytes } from 'node:crypto';
import { OutcomeUnknown, Unavailable } from '../../../core/ports/failures.ts';
import { sleep, within } from '../../../core/util/time.ts';
import type { Keys } from '../keys.ts';
import { type Links, runIdIn } from '../link/links.ts';
import { Markers } from './markers.ts';
import type { ClusterNode } from '../node/node.ts';
import type { ScriptName } from '../link/script-names.ts';
import { runScript } from '../link/scripts.ts';
import { ServerClock } from './server-clock.ts';

/** Tolerance for a server clock that is being adjusted. */
const CLOCK_SLEW_MS = 5;
const RETRY_MS = 25;

/** Errors by which Redis or the client says that the script did not run and never will. */
const NOT_EXECUTED =
  /(^|-)(OOM|READONLY|MISCONF|NOREPLICAS|LOADING|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|MOVED|ASK|BUSY|NOAUTH|WRONGPASS|NOSCRIPT) |^NOPERM |Stream isn't writeable/;

/** A script that was sent. */
interface SentScript {
  readonly partition: number;
  readonly marker: string;
  readonly id: string;
  /** Run id of the server at the time of sending. */
  readonly runId: string;
  /** Deadline by the server's clock: after it the script does nothing. */
  readonly deadlineMs: number;
  readonly sentMs: number;
  /** Time by which the caller has an answer. */
  readonly endMs: number;
}

interface DeadlineScriptsDeps {
  readonly links: Links;
  readonly keys: Keys;
  readonly node: ClusterNode;
  /** Milliseconds for Redis to answer. */
  readonly timeoutMs: number;
}

/**
 * Sends scripts that must have no effect after this node has given up on them. Each has a deadline on the clock of Redis, earlier
 * than the moment at which this node gives up. After a silence the node requests the time of Redis first; callers that wait for
 * it have sent nothing. When an answer is lost, the node asks Redis whether the script ran.
 */
export class DeadlineScripts {
  readonly #deps: DeadlineScriptsDeps;
  readonly #markers: Markers;
  /** One clock for each server that may answer. */
  readonly #clocks: readonly ServerClock[];
  readonly #timeRequests = new Map<ServerClock, Promise<void>>();
  #id = 0;
  #unknownOutcomes = 0;

  constructor(deps: DeadlineScriptsDeps) {
    const { links, keys, timeoutMs } = deps;
    this.#deps = deps;
    this.#markers = new Markers(keys, randomBytes(9).toString('base64url'));
    // Each partition of a Cluster may be on a server of its own.
    const servers = links.publishCommand === 'SPUBLISH' ? keys.partitions : 1;
    this.#clocks = Array.from({ length: servers }, () => new ServerClock(timeoutMs / 2));
    links.events.on('down', () => this.#clocks.forEach((clock) => clock.forget()));
  }

  /** Number of scripts for which it stayed unknown whether they ran. */
  get unknownOutcomes(): number {
    return this.#unknownOutcomes;
  }

  /**
   * Resolves when the script ran, with its answer after status and time; with an empty list when that answer was lost. Rejects
   * with `Unavailable` when it did not run and never will, with `OutcomeUnknown` when that cannot be known. `keys` and `args`
   * follow those of `deadline.lua`: the marker; the earliest and the latest time, the id, and milliseconds to keep the marker.
   */
  async send(
    partition: number,
    script: ScriptName,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<readonly (number | string)[]> {
    const { links, node, timeoutMs } = this.#deps;
    if (!node.isAttached) throw new Unavailable('Redis is unavailable.');
    const bornMs = performance.now();
    const clock = this.#clockOf(partition);
    // A caller that comes while others wait has to wait too, so that scripts keep their order.
    const timeRequest =
      this.#timeRequests.get(clock) ??
      (clock.isFresh(bornMs) ? undefined : this.#requestTimeOnce(clock, partition));
    if (timeRequest !== undefined) await timeRequest;
    const sentMs = performance.now();
    if (sentMs - bornMs > timeoutMs / 2)
      throw new Unavailable('Redis did not answer in time; nothing was sent.');
    const marker = this.#markers.take(partition);
    const sent: SentScript = {
      partition,
      marker,
      sentMs,
      id: `${(this.#id += 1)}`,
      runId: node.runId(partition),
      // The rest of the time is for the answer.
      deadlineMs: clock.atMs(bornMs + (timeoutMs * 5) / 6),
      endMs: bornMs + timeoutMs * 1.25,
    };
    const head = [clock.atMs(sentMs) - CLOCK_SLEW_MS, sent.deadlineMs, sent.id, 4 * timeoutMs];
    try {
      const answer = runScript(links.commands, script, [marker, ...keys], [...head, ...args]);
      const leftMs = bornMs + timeoutMs - sentMs;
      // The client has its own timeout for each command, which starts when it is sent.
      return await this.#resultOf(
        leftMs > timeoutMs - 1 ? answer : within(answer, leftMs, noAnswer),
        sent,
        clock,
      );
    } finally {
      this.#markers.release(partition, marker);
    }
  }

  async #resultOf(
    running: Promise<unknown>,
    sent: SentScript,
    clock: ServerClock,
  ): Promise<readonly (number | string)[]> {
    let answer: readonly [status: string, shownMs: number, ...rest: (number | string)[]];
    try {
      answer = (await running) as typeof answer;
    } catch (error) {
      if (NOT_EXECUTED.test(causeOf(error))) throw error;
      await this.#confirmRan(sent, error);
      return [];
    }
    const [status, shownMs, ...rest] = answer;
    clock.update(shownMs, sent.sentMs, performance.now());
    if (status !== 'OK') throw new Unavailable('Redis got to the script after its deadline and did nothing.');
    return rest;
  }

  /** Resolves when Redis confirms that the script ran. */
  async #confirmRan(sent: SentScript, cause: unknown): Promise<void> {
    const { links, keys, node } = this.#deps;
    const names = [keys.generation(sent.partition), sent.marker];
    for (let leftMs = sent.endMs - performance.now(); leftMs > 0; leftMs = sent.endMs - performance.now()) {
      if (node.isAttached) {
        const asking = runScript(links.commands, 'script-outcome', names, [sent.id, sent.deadlineMs]);
        const answer = (await within(asking, leftMs).catch(() => undefined)) as [string, string] | undefined;
        if (answer?.[0] === 'RAN') return;
        // Another server process may lack writes of the one before it.
        if (answer !== undefined && runIdIn(answer[1]) !== sent.runId) break;
        if (answer?.[0] === 'UNKNOWN') break;
        if (answer?.[0] === 'NEVER')
          throw new Unavailable('Redis did not run the script before its deadline.', { cause });
      }
      await sleep(RETRY_MS);
    }
    this.#unknownOutcomes += 1;
    throw new OutcomeUnknown('Redis did not confirm whether it ran the script.', { cause });
  }

  /** Resolves when the clock has the time of Redis: one request for all callers that wait. */
  #requestTimeOnce(clock: ServerClock, partition: number): Promise<void> {
    const request = this.#requestTime(clock, partition).finally(() => this.#timeRequests.delete(clock));
    this.#timeRequests.set(clock, request);
    return request;
  }

  async #requestTime(clock: ServerClock, partition: number): Promise<void> {
    const { links, keys } = this.#deps;
    const sentMs = performance.now();
    const shownMs = await runScript(links.commands, 'server-time', [keys.generation(partition)], []);
    clock.update(Number(shownMs), sentMs, performance.now());
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
