import type { Clock, Journal } from '../core/ports.ts';
import type { Arrival } from './arrival.ts';
import { forwardedHeaders, forwardedPath, type Route } from './forwarded.ts';
import { askUpgrade, giveAnswer, join, type UpgradeAnswer } from './join.ts';
import { Pairs } from './pairs.ts';
import { reasonOf } from './pass.ts';
import type { HealthSink } from './ports.ts';

/** One warning in this time about an other side that cannot be reached. */
const QUIET_MS = 60_000;

interface Needs {
  readonly route: Route;
  readonly health: HealthSink;
  readonly journal: Journal;
  readonly clock: Clock;
}

/** Leads sockets through to the other side (SPEC 11.2, 11.3). */
export class UpstreamSide {
  readonly pairs = new Pairs();
  readonly #needs: Needs;
  #warnedAtMs = -QUIET_MS;

  constructor(needs: Needs) {
    this.#needs = needs;
  }

  /** Never rejects. False: the other side does not take it, and the browser has not heard anything yet. */
  async lead(arrival: Arrival): Promise<boolean> {
    const answer = await this.#ask(arrival);
    if (answer instanceof Error) {
      if (arrival.choice !== undefined && isAway(answer)) this.#report(arrival, false);
      this.#warn(answer);
      return false;
    }
    this.#join(arrival, answer);
    return true;
  }

  /** 5xx is as good as no answer. */
  async #ask({ request, visitor }: Arrival): Promise<UpgradeAnswer | Error> {
    const { route } = this.#needs;
    try {
      const path = forwardedPath(request.url ?? '/', route);
      const headers = forwardedHeaders(request, visitor, route);
      const answer = await askUpgrade(route.upstream, request, path, headers);
      if (answer.status < 500) return answer;
      answer.socket.destroy();
      return new Error(`it answered with ${answer.status}`);
    } catch (error) {
      return error as Error;
    }
  }

  #join(arrival: Arrival, answer: UpgradeAnswer): void {
    const { network, head, choice } = arrival;
    const { socket, status } = answer;
    if (network.destroyed) return void socket.destroy();
    // How the socket ends, and when, says nothing: the browser may be the one that ends it.
    if (choice !== undefined && status === 101) this.#report(arrival, true);
    giveAnswer(network, answer, status === 101 ? choice?.cookieLine : undefined);
    this.pairs.add(network, socket, choice?.bucket);
    join(network, socket, head);
  }

  #report({ sinceMs }: Arrival, isAnswered: boolean): void {
    const { health, clock } = this.#needs;
    health.client('upstream', isAnswered, clock() - sinceMs);
  }

  #warn(reason: Error): void {
    const { clock, journal, route } = this.#needs;
    if (clock() - this.#warnedAtMs < QUIET_MS) return;
    this.#warnedAtMs = clock();
    journal.warn(
      'WAVEHALL_CUTOVER_UPSTREAM: the other server does not take sockets; this one serves them meanwhile',
      { upstream: route.upstream.url.href, reason: reasonOf(reason) },
    );
  }
}

/** What a request of an odd browser may bring about (an answer with 5xx, a closed connection) is not among them. */
const AWAY = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN']);
const isAway = (error: NodeJS.ErrnoException): boolean => AWAY.has(error.code ?? '');
