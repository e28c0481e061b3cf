import type { IncomingMessage } from 'node:http';
import { finished } from 'node:stream/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { exceeds } from '#protocol';
import type { AppProvider } from '../core/ports/apps.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { RequestRate } from '../core/ports/nodes/request-rate.ts';
import type { ReplayGuard } from '../core/ports/stores.ts';
import { SlowSubscribers } from '../core/ports/failures.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Refusals } from '../core/refusals/refusals.ts';
import type { Trace } from '../core/trace/trace.ts';
import type { AppTraffic } from '../core/traffic/app-traffic.ts';
import { pathOf, splitTarget } from '../core/util/http-text.ts';
import type { Api } from './routes/api.ts';
import { takeToken } from './request-rate.ts';
import { Authentication } from './authenticate.ts';
import { type Answer, answerTo, INTERNAL_ERROR, httpError, HttpError } from './errors.ts';
import { registerUpgradeHint } from './upgrade-hint.ts';
import { type HealthChecks, registerHealth } from './health.ts';
import { registerMetrics, type ServedMetrics } from './metrics.ts';
import { refuseOtherMethods } from './methods.ts';
import { ROUTES } from './routes/index.ts';
import { countRefusal } from './count-refusal.ts';
import type { RequestCounts } from './request-counts.ts';
import { beginTrace, tracing } from './trace-publish.ts';
import { endOfIteration } from './loop-iteration.ts';

/** Time that a body which is too large has to arrive before the answer is sent. */
const DRAIN_MS = 1000;
const NO_BODY = Buffer.alloc(0);

/** Parameters of a path: the app's id, and those of the route. */
type Params = Readonly<Record<string, string>> & { readonly appId: string };

export interface HttpOptions {
  readonly api: Api;
  readonly apps: AppProvider;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly health: HealthChecks;
  readonly prefix: string;
  /** Serve the HTTP API, and the hint on `/app`; not given: both. */
  readonly serves?: { readonly api: boolean; readonly clients: boolean };
  /** Served as `/metrics`, if given. */
  readonly metrics?: ServedMetrics | undefined;
  /** Sentence for the log about a path that nothing has here, if there is something to say. */
  readonly notFoundHint?: ((path: string) => string | undefined) | undefined;
  /** `undefined`: signatures may be used more than once. */
  readonly replayGuard: ReplayGuard | undefined;
  readonly requestRate: RequestRate;
  readonly refusals: Refusals;
  readonly requests: RequestCounts;
  /** Address of the client of a request, behind trusted proxies too (SPEC 2.7). */
  readonly addressOf: (request: IncomingMessage) => string;
  /** `undefined`: what becomes of events is not kept (SPEC 16). */
  readonly trace?: Trace | undefined;
  /** Names apps of the environment that are not served, for the log. */
  readonly unusedAppsHint?: string | undefined;
  /** Called after each request with a valid signature; false: it failed by a fault of this server. */
  readonly onAnswered?: ((isOk: boolean) => void) | undefined;
}

/** Registers the health endpoints and what the port serves besides, with and without the path prefix (SPEC 2.1, 8.1, 8.13). */
export function registerHttp(server: FastifyInstance, options: HttpOptions): void {
  const { logger, prefix, metrics, serves = { api: true, clients: true } } = options;
  server.setErrorHandler(async (error, request, reply) => {
    const answer = answerTo(error);
    if (answer === undefined)
      logger.error('Bug in Wavehall: a request was answered with 500. Please report this stack', error);
    else countRefusal(options, request, answer);
    if (answer?.status === 413) await drainRequest(request.raw);
    return sendAnswer(reply, answer ?? INTERNAL_ERROR);
  });
  options.requests.observe(server);
  const notFound = (): never => {
    throw httpError(404);
  };
  server.setNotFoundHandler(notFound);
  // Before the body is read, so that its type or size does not cause another answer. The admin API has a handler of its own.
  server.addHook('onRequest', (request, _, done) => {
    done(request.is404 && request.server === server ? notFoundError(request, options) : undefined);
  });
  const authentication = new Authentication(options);
  const register = (scope: FastifyInstance): void => {
    registerHealth(scope, options.health);
    if (serves.clients) registerUpgradeHint(scope);
    if (serves.api) registerApi(scope, options, authentication);
  };
  if (metrics !== undefined) registerMetrics(server, metrics);
  for (const each of prefix === '' ? [''] : ['', `/${prefix}`]) {
    void server.register(
      (scope, _, done) => {
        register(scope);
        done();
      },
      { prefix: each },
    );
  }
}

function notFoundError({ raw }: FastifyRequest, { notFoundHint }: HttpOptions): HttpError {
  const expected = notFoundHint?.(pathOf(raw.url));
  return httpError(404, {}, expected === undefined ? undefined : { expected });
}

/** Reads and drops the rest of a body: a client that is still sending when the connection closes may not see the answer (SPEC 8.12). */
function drainRequest(request: IncomingMessage): Promise<void> {
  return finished(request.resume(), { signal: AbortSignal.timeout(DRAIN_MS) }).catch(() => undefined);
}

/** Registers every route under `/apps`, the only place that does: none can be reached without a valid signature. */
function registerApi(scope: FastifyInstance, options: HttpOptions, authentication: Authentication): void {
  void scope.register((apps, _, done) => {
    keepRawBodies(apps);
    for (const { method, path, handle } of ROUTES) {
      apps.route({
        method,
        url: `/apps/:appId${path}`,
        exposeHeadRoute: false,
        handler: async (request, reply) => {
          const receivedAtMs = performance.now();
          await endOfIteration();
          const params = request.params as Params;
          const app = await options.apps.byId(params.appId);
          if (app === undefined) throw noSuchApp(params.appId);
          const [rawPath, rawQuery] = splitTarget(originForm(request.raw.url ?? ''));
          const body = Buffer.isBuffer(request.body) ? request.body : NO_BODY;
          checkSize(body, app.limits.requestBytes);
          const query = authentication.check(app, { method, path: rawPath, rawQuery, body });
          const { headers } = request.raw;
          const address = options.addressOf(request.raw);
          const traced = beginTrace(options.trace, { method, path, app, rawQuery, headers, address, body });
          if (traced !== undefined) reply.header('X-Wavehall-Event-Id', traced.id);
          const answer = await tracing(options.trace, traced, body, () => {
            checkEncoding(request.raw);
            return reportingOutcome(options, async () => {
              if (options.replayGuard !== undefined)
                await authentication.takeOnce(options.replayGuard, app, query);
              await takeToken(options.requestRate, app, options.api.traffic.of(app.id), reply);
              return handle(options.api, { app, params, query, body, headers, receivedAtMs, traced });
            });
          });
          const text = JSON.stringify(answer);
          countRequest(options.api.traffic.of(app.id), body, text);
          return reply.type('application/json').send(text);
        },
      });
      refuseOtherMethods(apps, `/apps/:appId${path}`, method);
    }
    done();
  });
}

function checkSize({ length: sizeBytes }: Buffer, limitBytes: number): void {
  if (exceeds(sizeBytes, limitBytes)) throw httpError(413, {}, { sizeBytes, limitBytes });
}

function countRequest(traffic: AppTraffic, body: Buffer, answer: string): void {
  traffic.apiRequests += 1;
  traffic.apiBytesReceived += body.length;
  traffic.apiBytesSent += Buffer.byteLength(answer);
}

/** Reports the outcome of a request. Slow subscribers and signatures that are used again do not count: they are no fault of this server. */
async function reportingOutcome(
  { onAnswered: answered }: HttpOptions,
  handle: () => Promise<object>,
): Promise<object> {
  if (answered === undefined) return handle();
  try {
    const body = await handle();
    answered(true);
    return body;
  } catch (error) {
    const { status } = answerTo(error) ?? INTERNAL_ERROR;
    if (status !== 401 && !(error instanceof SlowSubscribers)) answered(status < 500);
    throw error;
  }
}

/** Type under which Fastify finds the parser at once; the parser for all types is searched with each request. */
const BYTES = 'application/octet-stream';

/** Passes bodies on as bytes, whatever the content type is: the signature covers the bytes. */
function keepRawBodies(apps: FastifyInstance): void {
  apps.removeAllContentTypeParsers();
  apps.addContentTypeParser(BYTES, { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  apps.addHook('onRequest', ({ raw }, _, done) => {
    raw.headers['content-type'] = BYTES;
    done();
  });
}

/** Refuses compressed bodies: the bytes that are signed are the bytes that are read (SPEC 8.3). */
function checkEncoding({ headers }: IncomingMessage): void {
  const encoding = headers['content-encoding'];
  if (encoding === undefined || encoding === '' || encoding.toLowerCase() === 'identity') return;
  throw new HttpError(415, 'Content-Encoding is not supported: send the body as it is.', {
    'accept-encoding': 'identity',
  });
}

const noSuchApp = (id: string): HttpError =>
  new HttpError(
    404,
    `No matching application for ID [${id.slice(0, 256)}].`,
    {},
    { reason: 'http_unknown_app', expected: 'REVERB_APP_ID or PUSHER_APP_ID of this server in Laravel' },
  );

function sendAnswer(reply: FastifyReply, { status, body, headers = {} }: Answer): FastifyReply {
  const type = typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json';
  return reply
    .code(status)
    .headers(headers)
    .type(type)
    .send(typeof body === 'string' ? body : JSON.stringify(body));
}

const ORIGIN = /^https?:\/\/.*?\//;

/** Request target without scheme and host: an absolute one counts by its path (RFC 9112, 3.2.2), as the router reads it. */
const originForm = (target: string): string =>
  target.startsWith('/') ? target : target.replace(ORIGIN, '/');
