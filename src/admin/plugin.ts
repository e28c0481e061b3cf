import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isBearer } from './bearer.ts';
import {
  type RollbackTarget,
  Conflict,
  BadRequest,
  readRollbackRequest,
  readPercentRequest,
} from './requests.ts';

export interface MoveOptions {
  readonly move: boolean;
  /** Move connections even to a server that cannot be reached. */
  readonly force: boolean;
}

/** Operator's view of the cutover. `set` and `rollBack` reject with `Conflict` when they would move connections to a server that cannot be reached. */
export interface CutoverControl {
  status(): object | Promise<object>;
  set(percent: number, by: string, how: MoveOptions): Promise<void>;
  rollBack(to: RollbackTarget, by: string, how: MoveOptions): Promise<void>;
}

export interface AdminOptions {
  readonly token: string;
  /** `undefined`: there is no upstream. */
  readonly cutover: CutoverControl | undefined;
  /** Metrics in Prometheus' text format. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
}

const MAX_BODY_BYTES = 4096;
const NO_CUTOVER = 'There is no cutover: WAVEHALL_CUTOVER_UPSTREAM is not set.';

/** Registers everything below `/admin`, for requests with the token (SPEC 11.5). */
export async function registerAdmin(server: FastifyInstance, options: AdminOptions): Promise<void> {
  await server.register(
    (scope, _, done) => {
      scope.addHook('onRequest', (request, reply, next) => {
        if (isBearer(request.headers.authorization, options.token)) return next();
        reply.header('www-authenticate', 'Bearer');
        sendError(reply, 401, 'Expected "Authorization: Bearer" and the token of WAVEHALL_ADMIN_TOKEN.');
      });
      scope.setNotFoundHandler((_request, reply) => sendError(reply, 404, 'Not found.'));
      scope.setErrorHandler((error, _request, reply) => answerError(error, reply));
      parseAllAsJson(scope);
      addMetricsRoute(scope, options);
      addCutoverRoutes(scope, options.cutover);
      done();
    },
    { prefix: '/admin' },
  );
}

function addMetricsRoute(scope: FastifyInstance, { metrics }: AdminOptions): void {
  scope.get('/metrics', async (_, reply) => reply.type(metrics.contentType).send(await metrics.text()));
}

function addCutoverRoutes(scope: FastifyInstance, cutover: CutoverControl | undefined): void {
  const route = (
    method: 'GET' | 'PUT' | 'POST',
    url: string,
    act: (cutover: CutoverControl, request: FastifyRequest) => Promise<void> | void,
  ): void => {
    scope.route({
      method,
      url,
      bodyLimit: MAX_BODY_BYTES,
      handler: async (request, reply) => {
        if (cutover === undefined) return sendError(reply, 404, NO_CUTOVER);
        await act(cutover, request);
        return reply.send(await cutover.status());
      },
    });
  };
  route('GET', '/cutover', () => undefined);
  route('PUT', '/cutover', (control, request) => {
    const { percent, ...how } = readPercentRequest(request.body);
    return control.set(percent, changedBy(request), how);
  });
  route('POST', '/cutover/rollback', (control, request) => {
    const { to, ...how } = readRollbackRequest(request.body);
    return control.rollBack(to, changedBy(request), how);
  });
}

/** Parses every body as JSON, whatever its content type is: `curl -d` sends the type of a form. */
function parseAllAsJson(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', { parseAs: 'string' }, (_, body, done) => {
    try {
      done(null, body === '' ? undefined : JSON.parse(String(body)));
    } catch {
      done(new BadRequest('The body is not JSON.'));
    }
  });
}

const changedBy = ({ ip }: FastifyRequest): string => `the admin API (${ip})`;

function answerError(error: unknown, reply: FastifyReply): FastifyReply {
  const status = (error as { statusCode?: unknown }).statusCode;
  if (typeof status === 'number' && status >= 400 && status < 500)
    return sendError(reply, status, 'Bad request.');
  if (error instanceof Conflict) return sendError(reply, 409, error.message);
  if (error instanceof BadRequest || error instanceof RangeError) return sendError(reply, 400, error.message);
  throw error;
}

const sendError = (reply: FastifyReply, status: number, error: string): FastifyReply =>
  reply.code(status).send({ error });
