import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isBearer } from './bearer.ts';
import { ConsoleAccess } from './console/access.ts';
import type { ConsoleOptions } from './console/options.ts';
import { addConsole } from './console/page.ts';
import { sessionIn } from './console/requests.ts';
import { addInspectionRoutes } from './inspect/routes.ts';
import type { InspectionSource } from './inspect/source.ts';
import { BadRequest } from './requests.ts';
import { answerError, sendError } from './routes/answers.ts';
import { addAuthRoutes, type AuthControl } from './routes/auth.ts';
import { addAppRoutes, type AppsControl } from './routes/apps.ts';
import { addCutoverRoutes, type CutoverControl } from './routes/cutover.ts';
import { addEventRoute, type EventPublisher } from './routes/events.ts';
import { addExaminationRoutes, type Examiner } from './routes/examination.ts';
import { addHistoryRoutes, type HistorySource } from './routes/history.ts';
import { addLiveRoute, type LiveSource, type LiveUpgrades } from './routes/live.ts';
import { addPartsRoute } from './routes/parts.ts';
import { addRestartRoutes, type RestartControl } from './routes/restart.ts';
import { addStatusRoutes, type StatusSource } from './routes/status.ts';
import { addTraceRoute, type TraceFinder } from './routes/trace.ts';
import { addWebhookRoutes, type WebhookControl } from './routes/webhooks.ts';

export interface AdminOptions extends StatusSource {
  readonly token: string;
  /** `undefined`: there is no upstream. */
  readonly cutover: CutoverControl | undefined;
  /** `undefined`: there are no workers. */
  readonly restart: RestartControl | undefined;
  /** `undefined`: no app has an endpoint of webhooks. */
  readonly webhooks?: WebhookControl | undefined;
  /** `undefined`: there is no auth gateway. */
  readonly auth?: AuthControl | undefined;
  /** `undefined`: the apps are in no database. */
  readonly appsControl?: AppsControl | undefined;
  readonly live: LiveSource;
  /** `undefined`: there is no live socket. */
  readonly liveUpgrades?: LiveUpgrades | undefined;
  /** `undefined`: nothing is measured. */
  readonly history?: HistorySource | undefined;
  /** `undefined`: nobody looks into channels and connections. */
  readonly inspection?: InspectionSource | undefined;
  /** `undefined`: nobody publishes for operators. */
  readonly events?: EventPublisher | undefined;
  /** `undefined`: nobody can start another process. */
  readonly examine?: Examiner | undefined;
  /** `undefined`: there is no console. */
  readonly console?: ConsoleOptions | undefined;
  readonly trace: TraceFinder;
  /** Metrics in Prometheus' text format. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
}

/** Registers everything below `/admin`, for requests with the token (SPEC 11.5) or with a session of the console (SPEC 17.3). */
export async function registerAdmin(server: FastifyInstance, options: AdminOptions): Promise<void> {
  if (options.console !== undefined) await addConsole(server, options.token, options.console);
  await server.register(
    (scope, _, done) => {
      const access = options.console && new ConsoleAccess(options.console);
      requireAccess(scope, options.token, access);
      scope.setNotFoundHandler((_request, reply) => sendError(reply, 404, 'Not found.'));
      scope.setErrorHandler((error, _request, reply) => answerError(error, reply));
      parseAllAsJson(scope);
      addMetricsRoute(scope, options);
      addStatusRoutes(scope, options);
      addAppRoutes(scope, options.appsControl);
      addLiveRoute(scope, options.live, {
        upgrades: options.liveUpgrades,
        isAllowed: async (request) =>
          !isWithSession(request) || access === undefined || (await access.isOpen(request)),
      });
      if (options.history !== undefined) addHistoryRoutes(scope, options.history);
      if (options.inspection !== undefined) addInspectionRoutes(scope, options.inspection);
      addTraceRoute(scope, options.trace);
      addRestartRoutes(scope, options.restart);
      addWebhookRoutes(scope, options.webhooks);
      addAuthRoutes(scope, options.auth);
      addCutoverRoutes(scope, options.cutover);
      addOperatorRoutes(scope, options);
      done();
    },
    { prefix: '/admin' },
  );
}

/** Adds what the console shows besides, and the command line in its own way (SPEC 17.11 to 17.13). */
function addOperatorRoutes(scope: FastifyInstance, options: AdminOptions): void {
  const { webhooks, auth, cutover, events, examine: examination } = options;
  addPartsRoute(scope, { webhooks, auth, cutover, examination });
  if (events !== undefined) addEventRoute(scope, events);
  addExaminationRoutes(scope, examination);
}

const NEEDS_TOKEN = {
  status: 401,
  error: 'Expected "Authorization: Bearer" and the token of WAVEHALL_ADMIN_TOKEN.',
};

/** True for a request with a session of the console in place of the token. */
const isWithSession = ({ raw }: FastifyRequest): boolean =>
  raw.headers.authorization === undefined && sessionIn(raw) !== undefined;

/** Refuses requests without the token, but those that a session of the console may make. */
function requireAccess(scope: FastifyInstance, token: string, access: ConsoleAccess | undefined): void {
  access?.audit(scope);
  scope.addHook('onRequest', async (request, reply) => {
    if (isBearer(request.headers.authorization, token)) return;
    const refusal =
      access !== undefined && isWithSession(request) ? await access.check(request) : NEEDS_TOKEN;
    if (refusal === undefined) return;
    if (refusal === NEEDS_TOKEN) reply.header('www-authenticate', 'Bearer');
    return sendError(reply, refusal.status, refusal.error);
  });
}

function addMetricsRoute(scope: FastifyInstance, { metrics }: AdminOptions): void {
  scope.get('/metrics', async (_, reply) => reply.type(metrics.contentType).send(await metrics.text()));
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
