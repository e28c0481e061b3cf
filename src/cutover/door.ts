import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Credential } from '#protocol';
import type { Clock, Gateway, Journal } from '../core/ports.ts';
import type { Arrival } from './arrival.ts';
import { isOurOwn, type Route } from './forwarded.ts';
import { OwnSide } from './own-side.ts';
import type { CutoverOptions, HealthSink, Percentage, Side } from './ports.ts';
import { sideAsked, SIDE_HEADER } from './side-header.ts';
import { chooseBucket, sideOf, type Visitor } from './split.ts';
import { UpstreamSide } from './upstream-side.ts';

/** What the door knows of the house behind it. */
export interface House {
  isReady(): boolean;
  /** False while nobody is let in because memory is short. */
  hasRoom(): boolean;
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

/** Takes every upgrade and leads it to its side, or to the side that works (SPEC 11.1 to 11.3). */
export class Door {
  readonly route: Route;
  readonly own: OwnSide;
  readonly upstream: UpstreamSide;
  readonly #needs: DoorNeeds;
  readonly #opened = { wavehall: 0, upstream: 0 };
  readonly #fellBack = { wavehall: 0, upstream: 0 };

  constructor(needs: DoorNeeds) {
    const { options, prefix, health, journal, clock, house } = needs;
    this.#needs = needs;
    this.route = { upstream: options.upstream, prefix, door: randomUUID() };
    this.own = new OwnSide(house.gateway, health);
    this.upstream = new UpstreamSide({ route: this.route, health, journal, clock });
  }

  /** Never throws. */
  upgrade(request: IncomingMessage, network: Duplex, head: Buffer): void {
    const { house, clock } = this.#needs;
    network.on('error', ignored);
    if (isOurOwn(request, this.route)) return refuse(network, '508 Loop Detected');
    const visitor = house.visitor(request);
    const decided = this.#decide(request, visitor);
    const arrival = { request, network, head, visitor, sinceMs: clock(), ...decided };
    if (this.#sideOf(arrival) === 'upstream') void this.#lead(arrival, false);
    else if (arrival.asked !== undefined || house.isReady()) this.#serve(arrival, false);
    else this.#leadInstead(arrival);
  }

  counts(): DoorCounts {
    return {
      sockets: { wavehall: this.own.size, upstream: this.upstream.pairs.size },
      opened: { ...this.#opened },
      fellBack: { ...this.#fellBack },
    };
  }

  #decide(request: IncomingMessage, visitor: Visitor): Pick<Arrival, 'asked' | 'choice'> {
    const { house, options } = this.#needs;
    const { headers } = request;
    const credentials = house.credentialsFor(request);
    if (credentials === undefined) return { asked: undefined, choice: undefined };
    const asked = sideAsked(credentials, headers[SIDE_HEADER]);
    if (asked !== undefined) return { asked, choice: undefined };
    const { cookie, origin, 'user-agent': userAgent } = headers;
    return { asked, choice: chooseBucket(options.sticky, { visitor, cookie, origin, userAgent }) };
  }

  /** A key that is not ours may be the other side's. */
  #sideOf({ asked, choice }: Arrival): Side {
    if (choice === undefined) return asked ?? 'upstream';
    return sideOf(choice.bucket, this.#needs.percentage.percent);
  }

  #serve({ request, network, head, sinceMs, asked, choice }: Arrival, isFallback: boolean): void {
    const { house, clock } = this.#needs;
    const tookMs = (): number => clock() - sinceMs;
    if (choice === undefined) {
      const forProbes: Gateway = { opened: (...opening) => this.own.openedProbe(...opening) };
      return house.upgrade(request, network, head, asked === undefined ? house.gateway : forProbes);
    }
    this.#count('wavehall', isFallback);
    const gateway: Gateway = {
      opened: (socket, handshake) => this.own.opened(socket, handshake, choice.bucket, tookMs),
    };
    house.upgrade(request, network, head, gateway, choice.cookieLine);
  }

  /** To the other side although it is not its turn; to this one after all when that cannot be reached either. */
  #leadInstead(arrival: Arrival): void {
    void this.#lead(arrival, true);
  }

  async #lead(arrival: Arrival, isFallback: boolean): Promise<void> {
    if (await this.upstream.lead(arrival)) {
      if (arrival.choice !== undefined) this.#count('upstream', isFallback);
    } else if (arrival.asked === undefined) this.#serve(arrival, !isFallback);
    else refuse(arrival.network, '502 Bad Gateway');
  }

  #count(side: Side, isFallback: boolean): void {
    this.#opened[side] += 1;
    if (isFallback) this.#fellBack[side] += 1;
  }
}

function refuse(network: Duplex, status: string): void {
  network.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function ignored(): void {
  return undefined;
}
