import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Logger } from '../../core/ports/logger.ts';
import type { WatchLimits } from '../watch-limits.ts';
import { CanaryEndpoint, type CanaryEndpointOptions } from './canary-endpoint.ts';
import type { HealthSink } from '../ports/health-sink.ts';
import type { Side } from '../sides.ts';
import type { ProbeSite } from '../probe/probe-site.ts';
import { otherSide, SIDE_NAMES, SIDES } from '../sides.ts';

/** The bridge reconnects within 10 s after a server restarts; only then must events cross. */
const BRIDGE_GRACE_MS = 15_000;

export interface CanaryOptions {
  readonly sites: Readonly<Record<Side, ProbeSite>>;
  readonly sink: Pick<HealthSink, 'connect' | 'subscribe' | 'canary'>;
  readonly logger: Logger;
  readonly limits: Pick<WatchLimits, 'canaryEveryMs' | 'canaryTimeoutMs'>;
  readonly bridgeGraceMs?: number;
  /** True while this server admits no client because memory is short. */
  readonly isFull?: (() => boolean) | undefined;
  /** How long the bridge has been subscribed to a channel of the upstream without a gap; not given: for ever. */
  readonly bridgedForMs?: ((channel: string) => number) | undefined;
}

/** Milliseconds that an event took; `lost`: it did not arrive; `unclear`: no server can be blamed. */
export type CanaryOutcome = number | 'lost' | 'unclear';

/** Outcomes at each side of one event. */
type Outcomes = Readonly<Record<Side, CanaryOutcome>>;

/** The two events of one round, by the side where they were published. */
export type CanaryRound = Readonly<Record<Side, Outcomes>>;

export interface CanaryStatus {
  readonly rounds: number;
  /** Canary events that a side delivered more than once. */
  readonly doubled: Readonly<Record<Side, number>>;
  /** Why a side cannot be measured although it may work: a setting is wrong. */
  readonly notAllowed: Readonly<Record<Side, string | null>>;
}

const UNCLEAR: Outcomes = { wavehall: 'unclear', upstream: 'unclear' };

/**
 * Publishes at each side and listens at both (SPEC 11.14). A side is measured by its own delivery. An event that did not
 * cross counts against the bridge only when, in the same round, both sides delivered their own events in time and the
 * bridge was subscribed at the upstream all the time: clients may fill the upstream while the bridge reconnects.
 */
export class Canary {
  readonly #options: CanaryOptions;
  readonly #channel = `wavehall-canary-${randomBytes(8).toString('hex')}`;
  readonly #endpoints: Readonly<Record<Side, CanaryEndpoint>>;
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #notAllowed: Record<Side, string | null> = { wavehall: null, upstream: null };
  #rounds = 0;
  #isStopped = false;
  #ticker: NodeJS.Timeout | undefined;
  #isTrying = false;

  constructor(options: CanaryOptions) {
    this.#options = options;
    this.#endpoints = {
      wavehall: new CanaryEndpoint(this.#endpointOptions('wavehall', this.#channel)),
      upstream: new CanaryEndpoint(this.#endpointOptions('upstream', this.#channel)),
    };
  }

  start(): void {
    const { canaryEveryMs } = this.#options.limits;
    if (canaryEveryMs === 0) return;
    this.#ticker = setInterval(() => {
      void this.round();
      void this.tryConnect();
    }, canaryEveryMs);
  }

  /** Tests with a connection of our own whether this server admits new clients: results of clients are not judged. Never rejects. */
  async tryConnect(): Promise<void> {
    if (this.#isTrying || this.#isStopped) return;
    this.#isTrying = true;
    const trying = this.#endpoints.wavehall.tryConnect();
    this.#inFlight.add(trying);
    await trying;
    this.#inFlight.delete(trying);
    this.#isTrying = false;
  }

  /** Resolves when all connections and timers have ended. */
  async stop(): Promise<void> {
    clearInterval(this.#ticker);
    this.#isStopped = true;
    await Promise.all(SIDES.map((side) => this.#endpoints[side].stop()));
    await Promise.all(this.#inFlight);
  }

  /** Open connections at a side. */
  socketsAt(side: Side): number {
    return this.#endpoints[side].sockets;
  }

  status(): CanaryStatus {
    const { wavehall, upstream } = this.#endpoints;
    return {
      rounds: this.#rounds,
      doubled: { wavehall: wavehall.doubled, upstream: upstream.doubled },
      notAllowed: { ...this.#notAllowed },
    };
  }

  /** Publishes one event at each side. Rounds may overlap. Never rejects. */
  async round(): Promise<CanaryRound> {
    const round = this.#run(++this.#rounds);
    this.#inFlight.add(round);
    try {
      return await round;
    } finally {
      this.#inFlight.delete(round);
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
        this.#options.sink.canary(from, to, outcome !== 'lost', outcome === 'lost' ? 0 : outcome);
      }
    return round;
  }

  async #publish(from: Side, number: number): Promise<Outcomes> {
    const to = otherSide(from);
    const connected = await this.#endpoints[from].connect();
    if (connected === 'failed') return { ...UNCLEAR, [from]: 'lost' };
    if (connected !== 'ok') return UNCLEAR;
    const eventId = `${number}:${from}`;
    const beganMs = performance.now();
    const here = this.#endpoints[from].waitFor(eventId);
    const there = this.#endpoints[to].isOpen ? this.#endpoints[to].waitFor(eventId) : undefined;
    const published = await this.#endpoints[from].publish(eventId);
    if (published !== 'ok') for (const side of SIDES) this.#endpoints[side].stopWaiting(eventId);
    const outcome = (atMs: number | undefined): CanaryOutcome =>
      atMs === undefined ? 'lost' : atMs - beganMs;
    const outcomes = {
      [from]: outcome(await here),
      [to]: there ? outcome(await there) : 'unclear',
    } as Outcomes;
    if (published === 'not-allowed' || published === 'unclear') return UNCLEAR;
    if (published === 'ok') this.#delivered(from, outcomes[from]);
    return outcomes;
  }

  #delivered(side: Side, outcome: CanaryOutcome): void {
    this.#endpoints[side].delivered(outcome !== 'lost');
    this.#notAllowed[side] = null;
  }

  /** Makes lost crossings unclear, unless both sides delivered their own events in time and were connected long enough. */
  #judged(found: CanaryRound, beganMs: number): CanaryRound {
    const { limits, bridgeGraceMs = BRIDGE_GRACE_MS, bridgedForMs = () => Infinity } = this.#options;
    const areWell = SIDES.every((side) => {
      const own = found[side][side];
      const openMs = performance.now() - this.#endpoints[side].openedAtMs;
      return typeof own === 'number' && own <= limits.canaryTimeoutMs / 2 && openMs >= bridgeGraceMs;
    });
    if (areWell && bridgedForMs(this.#channel) >= performance.now() - beganMs) return found;
    const judged = (from: Side): Outcomes =>
      found[from][otherSide(from)] === 'lost'
        ? { ...found[from], [otherSide(from)]: 'unclear' }
        : found[from];
    return { wavehall: judged('wavehall'), upstream: judged('upstream') };
  }

  #endpointOptions(side: Side, channel: string): CanaryEndpointOptions {
    const { sites, sink, limits, isFull } = this.#options;
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

  /** Logs each reason once: it would repeat each second. */
  #noteNotAllowed(side: Side, reason: string): void {
    if (this.#notAllowed[side] === reason) return;
    this.#notAllowed[side] = reason;
    const what = `The test client (canary) is refused by ${SIDE_NAMES[side]} (${reason}): ${NOT_MEASURED[side]}.`;
    this.#options.logger.warn(`${what} ${whatToLookAt(side, reason)}`);
  }
}

const NOT_MEASURED: Readonly<Record<Side, string>> = {
  wavehall: 'until this is fixed, the automatic rollback does not see failed connections or lost events',
  upstream: 'until this is fixed, the upstream and the bridge are not checked',
};

function whatToLookAt(side: Side, reason: string): string {
  if (reason.includes('(4009)')) return 'Check WAVEHALL_CUTOVER_ORIGIN and the allowed origins of the app';
  if (side === 'wavehall') return 'Check the limits of the app and WAVEHALL_REQUIRE_TLS';
  return 'Check WAVEHALL_CUTOVER_UPSTREAM: the upstream must have the same app id, key and secret';
}
