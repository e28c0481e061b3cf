import type { IncomingMessage } from 'node:http';
import { finished } from 'node:stream/promises';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { exceeds } from '#protocol';
import type { AppProvider } from '../core/ports/apps.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Replays } from '../core/ports/cluster.ts';
import { SlowSubscribers } from '../core/ports/failures.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Refusals } from '../core/refusals.ts';
import { splitTarget } from '../core/util/http-text.ts';
import type { Api } from './api.ts';
import { Authentication } from './authenticate.ts';
import { type Answer, answerTo, INTERNAL_ERROR, httpError, HttpError } from './errors.ts';
import { registerUpgradeHint } from './upgrade-hint.ts';
import { type HealthChecks, registerHealth } from './health.ts';
import { refuseOtherMethods } from './methods.ts';
import { ROUTES } from './routes.ts';
import { countRefusal } from './count-refusal.ts';
import { endOfIteration } from './loop-iteration.ts';

/** How long what is too large may go on arriving before it is answered. */
const LINGER_MS = 1000;
const NO_BODY = Buffer.alloc(0);

/** What every route of the API has in its path, beside names of its own. */
type Params = Readonly<Record<string, string>> & { readonly appId: string };

export interface HttpOptions {
  readonly api: Api;
  readonly apps: AppProvider;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly health: HealthChecks;
  readonly prefix: string;
  /** `undefined`: a signature may come again. */
  readonly replays: Replays | undefined;
  readonly refusals: Refusals;
  /** Which apps the environment has besides those that are served, for the log. */
  readonly unusedAppsHint?: string | undefined;
  /** Told of each request with a valid signature: whether this server answered it, or failed by a fault of its own. */
  readonly onAnswered?: ((isOk: boolean) => void) | undefined;
}

/** Everything that is served over plain HTTP, with and without the path prefix (SPEC 2.1, 8.1). */
export function registerHttp(server: FastifyInstance, needs: HttpOptions): void {
  const { logger, prefix } = needs;
  server.setErrorHandler(async (error, request, reply) => {
    const answer = answerTo(error);
    if (answer === undefined) logger.error('A request could not be handled', error);
    else countRefusal(needs, request, answer);
    if (answer?.status === 413) await drainRequest(request.raw);
    return sendAnswer(reply, answer ?? INTERNAL_ERROR);
  });
  const notFound = (): never => {
    throw httpError(404);
  };
  server.setNotFoundHandler(notFound);
  // Before a body is read, whatever it is called and however large it is. The admin API answers for its own paths.
  server.addHook('onRequest', (request, _, done) => {
    done(request.is404 && request.server === server ? httpError(404) : undefined);
  });
  const authentication = new Authentication(needs);
  const register = (scope: FastifyInstance): void => {
    registerHealth(scope, needs.health);
    registerUpgradeHint(scope);
    registerApi(scope, needs, authentication);
  };
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

/** SPEC 8.12: who is still sending when the connection closes may never see the answer: it waits a moment for the end. */
function drainRequest(request: IncomingMessage): Promise<void> {
  return finished(request.resume(), { signal: AbortSignal.timeout(LINGER_MS) }).catch(() => undefined);
}

/** The only place that registers routes under `/apps`: none can be reached without a valid signature. */
function registerApi(scope: FastifyInstance, needs: HttpOptions, authentication: Authentication): void {
  void scope.register((apps, _, done) => {
    keepRawBodies(apps);
    for (const { method, path, handle } of ROUTES) {
      apps.route({
        method,
        url: `/apps/:appId${path}`,
        exposeHeadRoute: false,
        handler: async (request, reply) => {
          await endOfIteration();
          const params = request.params as Params;
          const app = await needs.apps.byId(params.appId);
          if (app === undefined) throw noSuchApp(params.appId);
          const [rawPath, rawQuery] = splitTarget(originForm(request.raw.url ?? ''));
          const body = Buffer.isBuffer(request.body) ? request.body : NO_BODY;
          if (exceeds(body.length, app.limits.requestBytes)) throw httpError(413);
          const query = authentication.check(app, { method, path: rawPath, rawQuery, body });
          checkEncoding(request.raw);
          const answer = await reportingOutcome(needs, async () => {
            if (needs.replays !== undefined) await authentication.takeOnce(needs.replays, app, query);
            return handle(needs.api, { app, params, query, body });
          });
          return reply.type('application/json').send(JSON.stringify(answer));
        },
      });
      refuseOtherMethods(apps, `/apps/:appId${path}`, method);
    }
    done();
  });
}

/** Subscribers that are behind and signatures that come again are no word on this server: they may be anybody's. */
async function reportingOutcome(
  { onAnswered: answered }: HttpOptions,
  answer: () => Promise<object>,
): Promise<object> {
  if (answered === undefined) return answer();
  try {
    const body = await answer();
    answered(true);
    return body;
  } catch (error) {
    const { status } = answerTo(error) ?? INTERNAL_ERROR;
    if (status !== 401 && !(error instanceof SlowSubscribers)) answered(status < 500);
    throw error;
  }
}

/** A parser by this name is found at once; Fastify looks for the one for all types anew with each request. */
const BYTES = 'application/octet-stream';

/** The signature covers the bytes, so the bytes are what handlers get, whatever the content type claims. */
function keepRawBodies(apps: FastifyInstance): void {
  apps.removeAllContentTypeParsers();
  apps.addContentTypeParser(BYTES, { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  apps.addHook('onRequest', ({ raw }, _, done) => {
    raw.headers['content-type'] = BYTES;
    done();
  });
}

/** SPEC 8.3: the bytes that are signed are the bytes that are read; nothing is unpacked. */
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
