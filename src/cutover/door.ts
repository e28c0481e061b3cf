import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Credential } from '#protocol';
import type { Clock, Gateway, Journal } from '../core/ports.ts';
import { forwardedHeaders, forwardedPath, isOurOwn, type Route } from './forwarded.ts';
import { askUpgrade, giveAnswer, join, type UpgradeAnswer } from './join.ts';
import { OwnSide } from './own-side.ts';
import { Pairs } from './pairs.ts';
import { reasonOf } from './pass.ts';
import type { CutoverOptions, HealthSink, Percentage, Side } from './ports.ts';
import { Probation } from './probation.ts';
import { sideAsked, SIDE_HEADER } from './side-header.ts';
import { type Choice, chooseBucket, sideOf, type Visitor } from './split.ts';

/** One warning in this time about an other side that cannot be reached. */
const QUIET_MS = 60_000;

/** What the door knows of the house behind it. */
export interface House {
  isReady(): boolean;
  /** The app's credentials when the request is an upgrade of `/app/{key}` with a key that is ours. */
  credentialsFor(request: IncomingMessage): readonly Credential[] | undefined;
  visitor(request: IncomingMessage): Visitor;
  readonly gateway: Gateway;
  /** Serves the socket itself; `line` goes with the answer. */
  upgrade(request: IncomingMessage, network: Duplex, head: Buffer, gateway: Gateway, line?: string): void;
}

export interface DoorNeeds {
  readonly options: CutoverOptions;
  readonly prefix: string;
  readonly percentage: Percentage;
  readonly health: HealthSink;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly house: House;
}

export interface DoorCounts {
  /** Sockets at this moment. */
  readonly sockets: Readonly<Record<Side, number>>;
  /** Upgrades since the start, by the side that served them. */
  readonly opened: Readonly<Record<Side, number>>;
  /** Of these, those that the other side should have served. */
  readonly fellBack: Readonly<Record<Side, number>>;
}

/** One upgrade, and what was decided about it. */
interface Arrival {
  readonly request: IncomingMessage;
  readonly network: Duplex;
  readonly head: Buffer;
  readonly visitor: Visitor;
  readonly sinceMs: number;
  /** `undefined`: no part of the split (an unknown key, or a probe that chose its side). */
  readonly choice: Choice | undefined;
}

/** Takes every upgrade and leads it to its side, or to the side that works (SPEC 11.1 to 11.3). */
export class Door {
  readonly #needs: DoorNeeds;
  readonly route: Route;
  readonly #probation: Probation;
  readonly own: OwnSide;
  readonly pairs = new Pairs();
  readonly #opened = { wavehall: 0, upstream: 0 };
  readonly #fellBack = { wavehall: 0, upstream: 0 };
  #warnedAtMs = -QUIET_MS;

  constructor(needs: DoorNeeds) {
    this.#needs = needs;
    this.route = { upstream: needs.options.upstream, prefix: needs.prefix, door: randomUUID() };
    this.#probation = new Probation(needs.health, needs.clock);
    this.own = new OwnSide(needs.house.gateway, this.#probation);
  }

  /** Never throws. */
  upgrade(request: IncomingMessage, network: Duplex, head: Buffer): void {
    const { house, clock, options, percentage } = this.#needs;
    network.on('error', ignored);
    if (isOurOwn(request, this.route)) return refuse(network, '508 Loop Detected');
    const credentials = house.credentialsFor(request);
    const visitor = house.visitor(request);
    const asked = credentials && sideAsked(credentials, request.headers[SIDE_HEADER]);
    const choice =
      credentials === undefined || asked !== undefined
        ? undefined
        : chooseBucket(options.sticky, {
            visitor,
            cookie: request.headers.cookie,
            origin: request.headers.origin,
            userAgent: request.headers['user-agent'],
          });
    const arrival = { request, network, head, visitor, sinceMs: clock(), choice };
    if (asked === 'wavehall') this.#serve(arrival, false);
    else if (asked === 'upstream') void this.#lead(arrival, false);
    else if (choice === undefined) void this.#lead(arrival, true);
    else if (sideOf(choice.bucket, percentage.percent) === 'upstream') void this.#lead(arrival, true);
    else if (house.isReady()) this.#serve(arrival, false);
    else this.#leadInstead(arrival);
  }

  tick(): void {
    this.#probation.tick();
  }

  counts(): DoorCounts {
    return {
      sockets: { wavehall: this.own.size, upstream: this.pairs.size },
      opened: { ...this.#opened },
      fellBack: { ...this.#fellBack },
    };
  }

  #serve({ request, network, head, sinceMs, choice }: Arrival, isFallback: boolean): void {
    const { house } = this.#needs;
    if (choice === undefined) return house.upgrade(request, network, head, house.gateway);
    this.#count('wavehall', isFallback);
    const gateway: Gateway = {
      opened: (socket, handshake) => this.own.opened(socket, handshake, choice.bucket, sinceMs),
    };
    house.upgrade(request, network, head, gateway, choice.cookieLine);
  }

  /** To the other side although it is not its turn; to this one after all when that cannot be reached either. */
  #leadInstead(arrival: Arrival): void {
    this.#probation.failed('wavehall', arrival.sinceMs);
    void this.#lead(arrival, true, true);
  }

  async #lead(arrival: Arrival, mayFallBack: boolean, isFallback = false): Promise<void> {
    const { network, choice, sinceMs } = arrival;
    const answer = await this.#ask(arrival);
    if (answer instanceof Error) {
      if (choice !== undefined) this.#probation.failed('upstream', sinceMs);
      this.#warn(answer);
      if (!mayFallBack) return refuse(network, '502 Bad Gateway');
      return this.#serve(arrival, !isFallback);
    }
    if (choice !== undefined) this.#count('upstream', isFallback);
    this.#join(arrival, answer);
  }

  /** 5xx is as good as no answer: the browser has not heard it yet. */
  async #ask({ request, visitor }: Arrival): Promise<UpgradeAnswer | Error> {
    const { route } = this;
    const path = forwardedPath(request.url ?? '/', route);
    try {
      const answer = await askUpgrade(
        route.upstream,
        request,
        path,
        forwardedHeaders(request, visitor, route),
      );
      if (answer.status < 500) return answer;
      answer.socket.destroy();
      return new Error(`it answered with ${answer.status}`);
    } catch (error) {
      return error as Error;
    }
  }

  #join({ network, head, choice, sinceMs }: Arrival, answer: UpgradeAnswer): void {
    const { socket, status } = answer;
    if (network.destroyed) return void socket.destroy();
    const newcomer = choice && this.#probation.opened('upstream', sinceMs);
    giveAnswer(network, answer, status === 101 ? choice?.cookieLine : undefined);
    if (newcomer !== undefined) {
      if (status !== 101) newcomer.failed = true;
      else
        socket.once('end', () => {
          if (!network.readableEnded) this.#probation.ended(newcomer);
        });
    }
    this.pairs.add(network, socket, choice?.bucket);
    join(network, socket, head);
  }

  #count(side: Side, isFallback: boolean): void {
    this.#opened[side] += 1;
    if (isFallback) this.#fellBack[side] += 1;
  }

  #warn(reason: Error): void {
    const { clock, journal, options } = this.#needs;
    if (clock() - this.#warnedAtMs < QUIET_MS) return;
    this.#warnedAtMs = clock();
    journal.warn(
      'WAVEHALL_CUTOVER_UPSTREAM: the other server does not take sockets; this one serves them meanwhile',
      { upstream: options.upstream.url.href, reason: reasonOf(reason) },
    );
  }
}

function refuse(network: Duplex, status: string): void {
  network.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function ignored(): void {
  return undefined;
}
