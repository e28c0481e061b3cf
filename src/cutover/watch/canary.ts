import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Logger } from '../../core/ports/logger.ts';
import type { WatchLimits } from '../watch-limits.ts';
import { CanaryEndpoint, type CanaryEndpointNeeds } from './canary-endpoint.ts';
import type { HealthSink, Side } from '../ports.ts';
import type { ProbeSite } from '../probe/probe-site.ts';

/** The bridge comes back within 10 s of either server; only then must events cross. */
const BRIDGE_GRACE_MS = 15_000;

export interface CanaryNeeds {
  readonly sites: Readonly<Record<Side, ProbeSite>>;
  readonly sink: Pick<HealthSink, 'connect' | 'subscribe' | 'canary'>;
  readonly logger: Logger;
  readonly limits: Pick<WatchLimits, 'canaryEveryMs' | 'canaryTimeoutMs'>;
  readonly bridgeGraceMs?: number;
  /** True while this server lets nobody in because its memory is short. */
  readonly isFull?: (() => boolean) | undefined;
  /** How long the bridge has heard a channel of the other server without a break; not given: for ever. */
  readonly bridgedForMs?: ((channel: string) => number) | undefined;
}

/** How many milliseconds an event took; `lost`: it did not come; `unclear`: nobody can say whose fault it is. */
export type CanaryOutcome = number | 'lost' | 'unclear';

/** What came of the event that was published at one side, at each side. */
type Outcomes = Readonly<Record<Side, CanaryOutcome>>;

/** The two events of one round, by the side where they were published. */
export type CanaryRound = Readonly<Record<Side, Outcomes>>;

export interface CanaryStatus {
  readonly rounds: number;
  /** Canary events that a side heard more than once. */
  readonly doubled: Readonly<Record<Side, number>>;
  /** Why a side cannot be measured although it may be well: something is set wrongly. */
  readonly notAllowed: Readonly<Record<Side, string | null>>;
}

const SIDES = ['wavehall', 'upstream'] as const;
const NAMES = { wavehall: 'Wavehall', upstream: 'the other server' } as const;
const UNCLEAR: Outcomes = { wavehall: 'unclear', upstream: 'unclear' };

/**
 * Publishes at each side and listens at both (SPEC 11.14). A side answers for its own delivery; the bridge answers for
 * an event that did not cross only when both sides delivered their own, and in good time, in the same round, and when it
 * heard the other server all the time: clients may fill that server while the bridge is to come back.
 */
export class Canary {
  readonly #needs: CanaryNeeds;
  readonly #channel = `wavehall-canary-${randomBytes(8).toString('hex')}`;
  readonly #perches: Readonly<Record<Side, CanaryEndpoint>>;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #notAllowed: Record<Side, string | null> = { wavehall: null, upstream: null };
  #rounds = 0;
  #isStopped = false;
  #ticker: NodeJS.Timeout | undefined;
  #isKnocking = false;

  constructor(needs: CanaryNeeds) {
    this.#needs = needs;
    this.#perches = {
      wavehall: new CanaryEndpoint(this.#perchNeeds('wavehall', this.#channel)),
      upstream: new CanaryEndpoint(this.#perchNeeds('upstream', this.#channel)),
    };
  }

  start(): void {
    const { canaryEveryMs } = this.#needs.limits;
    if (canaryEveryMs === 0) return;
    this.#ticker = setInterval(() => {
      void this.round();
      void this.knock();
    }, canaryEveryMs);
  }

  /** Whether this server lets newcomers in is tried with one of our own: what clients meet is theirs to decide. Never rejects. */
  async knock(): Promise<void> {
    if (this.#isKnocking || this.#isStopped) return;
    this.#isKnocking = true;
    const knocking = this.#perches.wavehall.knock();
    this.#underWay.add(knocking);
    await knocking;
    this.#underWay.delete(knocking);
    this.#isKnocking = false;
  }

  /** Resolves when nothing of it is left: no connection, no timer. */
  async stop(): Promise<void> {
    clearInterval(this.#ticker);
    this.#isStopped = true;
    await Promise.all(SIDES.map((side) => this.#perches[side].stop()));
    await Promise.all(this.#underWay);
  }

  /** Connections that it has at a side at this moment. */
  socketsAt(side: Side): number {
    return this.#perches[side].sockets;
  }

  status(): CanaryStatus {
    const { wavehall, upstream } = this.#perches;
    return {
      rounds: this.#rounds,
      doubled: { wavehall: wavehall.doubled, upstream: upstream.doubled },
      notAllowed: { ...this.#notAllowed },
    };
  }

  /** One event at each side. Rounds may overlap. Never rejects. */
  async round(): Promise<CanaryRound> {
    const round = this.#run(++this.#rounds);
    this.#underWay.add(round);
    try {
      return await round;
    } finally {
      this.#underWay.delete(round);
    }
  }

  async #run(number: number): Promise<CanaryRound> {
    const beganMs = performance.now();
    const [wavehall, upstream] = await Promise.all([
      this.#publish('wavehall', number),
      this.#publish('upstream', number),
    ]);
    if (this.#isStopped) return { wavehall: UNCLEAR, upstream: UNCLEAR };
    const round = this.#judged({ wavehall, upstream }, beganMs);
    for (const from of SIDES)
      for (const to of SIDES) {
        const outcome = round[from][to];
        if (outcome === 'unclear') continue;
        this.#needs.sink.canary(from, to, outcome !== 'lost', outcome === 'lost' ? 0 : outcome);
      }
    return round;
  }

  async #publish(from: Side, number: number): Promise<Outcomes> {
    const to = other(from);
    const settled = await this.#perches[from].settle();
    if (settled === 'failed') return { ...UNCLEAR, [from]: 'lost' };
    if (settled !== 'ok') return UNCLEAR;
    const song = `${number}:${from}`;
    const beganMs = performance.now();
    const here = this.#perches[from].hear(song);
    const there = this.#perches[to].isOpen ? this.#perches[to].hear(song) : undefined;
    const sung = await this.#perches[from].sing(song);
    if (sung !== 'ok') for (const side of SIDES) this.#perches[side].forget(song);
    const outcome = (atMs: number | undefined): CanaryOutcome =>
      atMs === undefined ? 'lost' : atMs - beganMs;
    const outcomes = {
      [from]: outcome(await here),
      [to]: there ? outcome(await there) : 'unclear',
    } as Outcomes;
    if (sung === 'not-allowed' || sung === 'unclear') return UNCLEAR;
    if (sung === 'ok') this.#delivered(from, outcomes[from]);
    return outcomes;
  }

  #delivered(side: Side, outcome: CanaryOutcome): void {
    this.#perches[side].delivered(outcome !== 'lost');
    this.#notAllowed[side] = null;
  }

  /** What did not cross is unclear unless both sides delivered their own in good time, and long enough. */
  #judged(found: CanaryRound, beganMs: number): CanaryRound {
    const { limits, bridgeGraceMs = BRIDGE_GRACE_MS, bridgedForMs = () => Infinity } = this.#needs;
    const areWell = SIDES.every((side) => {
      const own = found[side][side];
      const openMs = performance.now() - this.#perches[side].openedAtMs;
      return typeof own === 'number' && own <= limits.canaryTimeoutMs / 2 && openMs >= bridgeGraceMs;
    });
    if (areWell && bridgedForMs(this.#channel) >= performance.now() - beganMs) return found;
    const judged = (from: Side): Outcomes =>
      found[from][other(from)] === 'lost' ? { ...found[from], [other(from)]: 'unclear' } : found[from];
    return { wavehall: judged('wavehall'), upstream: judged('upstream') };
  }

  #perchNeeds(side: Side, channel: string): CanaryEndpointNeeds {
    const { sites, sink, limits, isFull } = this.#needs;
    return {
      site: sites[side],
      channel,
      timeoutMs: limits.canaryTimeoutMs,
      connected: (ok, ms) => sink.connect(side, ok, ms),
      subscribed: (ok) => sink.subscribe(side, ok),
      ...(side === 'wavehall' && { isFull }),
      failed: (step, reason) => {
        if (step === 'not-allowed') this.#noteNotAllowed(side, reason);
      },
    };
  }

  /** Once for each reason: it would be the same each second. */
  #noteNotAllowed(side: Side, reason: string): void {
    if (this.#notAllowed[side] === reason) return;
    this.#notAllowed[side] = reason;
    const what = `Cutover: the canary cannot measure ${NAMES[side]}: ${reason}.`;
    this.#needs.logger.warn(`${what} ${whatToLookAt(side, reason)}`);
  }
}

const other = (side: Side): Side => (side === 'wavehall' ? 'upstream' : 'wavehall');

function whatToLookAt(side: Side, reason: string): string {
  if (reason.includes('(4009)')) return 'See WAVEHALL_CUTOVER_ORIGIN and the allowed origins of the app.';
  if (side === 'wavehall') return 'See the settings of the app.';
  return 'See WAVEHALL_CUTOVER_UPSTREAM: the other server must know the same app id, key and secret.';
}
