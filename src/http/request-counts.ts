import type { FastifyInstance } from 'fastify';
import { counter, histogram, type Metric } from '../core/ports/metric.ts';
import { Histogram } from '../core/util/histogram.ts';

/** Label of requests that no route has. */
const NO_ROUTE = 'none';

interface RouteCounts {
  readonly byStatus: Map<number, number>;
  readonly seconds: Histogram;
}

/** Answered HTTP requests by route and status, and how long they took. Bounded by the routes of the server. */
export class RequestCounts {
  /** By the path as it is registered, and by the label; a route with and without the prefix has one label. */
  readonly #byPath = new Map<string, RouteCounts>();
  readonly #byLabel = new Map<string, RouteCounts>();
  readonly #prefix: string;

  /** `prefix`: path under which every route is served too. */
  constructor(prefix: string) {
    this.#prefix = prefix === '' ? '' : `/${prefix}`;
  }

  /** Counts each request of this server when it has been answered. */
  observe(server: FastifyInstance): void {
    server.addHook('onResponse', (request, reply, done) => {
      const { byStatus, seconds } = this.#route(request.routeOptions.url ?? NO_ROUTE);
      byStatus.set(reply.statusCode, (byStatus.get(reply.statusCode) ?? 0) + 1);
      seconds.observe(reply.elapsedTime / 1000);
      done();
    });
  }

  get metrics(): readonly Metric[] {
    return [
      counter('http_requests_total', 'HTTP requests that were answered.', ['route', 'status'], () =>
        [...this.#byLabel].flatMap(([label, { byStatus }]) =>
          [...byStatus].map(([status, count]) => [[label, String(status)], count] as const),
        ),
      ),
      histogram(
        'http_request_duration_seconds',
        'Time from the head of a request until its answer is written.',
        ['route'],
        () => [...this.#byLabel].map(([label, { seconds }]) => [[label], seconds] as const),
      ),
    ];
  }

  #route(path: string): RouteCounts {
    const known = this.#byPath.get(path);
    if (known !== undefined) return known;
    const label = this.#labelOf(path);
    const route = this.#byLabel.get(label) ?? { byStatus: new Map(), seconds: new Histogram() };
    this.#byPath.set(path, route);
    this.#byLabel.set(label, route);
    return route;
  }

  /** `/ws/apps/:appId/events` with the prefix `ws` is `/apps/{appId}/events`. */
  #labelOf(path: string): string {
    const isPrefixed = this.#prefix !== '' && path.startsWith(`${this.#prefix}/`);
    return (isPrefixed ? path.slice(this.#prefix.length) : path).replace(/:(\w+)/g, '{$1}');
  }
}
