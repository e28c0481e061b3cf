import { MemoryRequestRate } from '../../src/stores/memory/requests/request-rate.ts';
import { MemoryReplayGuard } from '../../src/stores/memory/requests/replay-guard.ts';
import Fastify from 'fastify';
import { type Credential, signHttp } from '#protocol';
import { StaticApps } from '../../src/apps/static.ts';
import type { App } from '../../src/core/app.ts';
import type { AppProvider } from '../../src/core/ports/apps.ts';
import type { HealthChecks } from '../../src/http/health.ts';
import type { IdempotencyOptions } from '../../src/http/idempotency.ts';
import { type HttpOptions, registerHttp } from '../../src/http/plugin.ts';
import { healthChecks } from '../support/health.ts';
import { RequestCounts } from '../../src/http/request-counts.ts';
import { CREDENTIAL, openCore, type TestCoreOptions, testApp } from '../core/fakes.ts';
import { Refusals } from '../../src/core/refusals/refusals.ts';

export interface TestHttpOptions
  extends
    TestCoreOptions,
    Partial<Pick<HttpOptions, 'prefix' | 'onAnswered' | 'serves' | 'metrics' | 'notFoundHint'>> {
  readonly health?: Partial<HealthChecks>;
  readonly refuseReplays?: boolean;
  readonly idempotency?: Partial<IdempotencyOptions>;
  readonly app?: App;
}

export interface Sent {
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly credential?: Credential;
  /** Age of the request's signature. */
  readonly ageSeconds?: number;
}

export interface Route {
  readonly methods: readonly string[];
  /** Its parameters filled in. */
  readonly path: string;
}

export interface Reply {
  readonly status: number;
  /** The body: parsed when it is JSON. */
  readonly body: unknown;
  readonly headers: Readonly<Record<string, unknown>>;
}

export type Http = Awaited<ReturnType<typeof openHttp>>;

/** The HTTP API of one node over memory stores; requests are injected. */
export async function openHttp(options: TestHttpOptions = {}) {
  const apps = options.apps ?? [options.app ?? testApp()];
  const site = openCore({ ...options, apps });
  const { hub, logger, clock, traffic } = site;
  const provider: AppProvider = options.provider ?? new StaticApps(apps);
  const condition = { ready: true };
  const routes: Route[] = [];
  const requests = new RequestCounts(options.prefix ?? '');
  const server = Fastify({ routerOptions: { maxParamLength: 1024, querystringParser: () => ({}) } });
  server.addHook('onRoute', ({ method, url }) => {
    routes.push({ methods: [method].flat(), path: filled(url) });
  });
  registerHttp(server, {
    api: {
      ...{ ...site.stores, hub, traffic },
      idempotency: { idempotencySeconds: 120, idempotencyKeyLength: 255, ...options.idempotency },
    },
    requestRate: new MemoryRequestRate(clock.read),
    requests,
    apps: provider,
    logger,
    clock: clock.read,
    health: healthChecks({ isReady: () => condition.ready, ...options.health }),
    prefix: options.prefix ?? '',
    addressOf: ({ socket }) => String(socket.remoteAddress),
    replayGuard: options.refuseReplays === true ? new MemoryReplayGuard({ clock: clock.read }) : undefined,
    refusals: new Refusals({ warn: () => undefined }, clock.read, undefined, site.trace),
    trace: site.trace,
    onAnswered: options.onAnswered,
    metrics: options.metrics,
    notFoundHint: options.notFoundHint,
    ...(options.serves && { serves: options.serves }),
  });
  await server.ready();

  /** As it is, without a signature. */
  async function send(method: string, url: string, { body, headers }: Sent = {}): Promise<Reply> {
    const answer = await server.inject({
      method: method as 'GET',
      url,
      ...(body !== undefined && { payload: textOf(body) }),
      ...(headers && { headers }),
    });
    const isJson = String(answer.headers['content-type']).startsWith('application/json');
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: isJson && answer.body !== '' ? JSON.parse(answer.body) : answer.body,
    };
  }
  /** The address of a request with its signature. */
  function signed(method: string, path: string, sent: Sent = {}): string {
    const { body = '', query, credential = CREDENTIAL, ageSeconds = 0 } = sent;
    const timestampSeconds = Math.floor(clock.nowMs / 1000) - ageSeconds;
    return `${path}?${signHttp(credential, { method, path, query, body: textOf(body), timestampSeconds })}`;
  }
  const call = (method: string, path: string, sent: Sent = {}) =>
    send(method, signed(method, path, sent), sent);
  return {
    ...site,
    condition,
    routes,
    send,
    signed,
    call,
    /** Below the first app. */
    get: (path: string, query: Sent['query'] = {}) => call('GET', `/apps/app-id${path}`, { query }),
    post: (path: string, body?: unknown, sent: Sent = {}) =>
      call('POST', `/apps/app-id${path}`, { ...sent, body }),
  };
}

/** An answer in short. */
export const shown = ({ status, body }: Reply): [number, unknown] => [status, body];

const textOf = (body: unknown): string | Buffer =>
  typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);

const filled = (url: string): string =>
  url
    .replace(':appId', 'app-id')
    .replace(':appKey', 'app-key')
    .replace(':channel', 'presence-a')
    .replace(':user', '7');

export const EVENT = { name: 'shipped', data: '{"id":7}', channel: 'orders' };
