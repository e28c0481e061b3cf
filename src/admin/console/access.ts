import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isJsonObject } from '#protocol';
import type { ConsoleOptions } from './options.ts';
import { CONSOLE_HEADER, isOwnOrigin, sessionIn } from './requests.ts';

/** Routes that the page reads; none has a secret in its answer. */
const READ: ReadonlySet<string | undefined> = new Set([
  '/admin/status',
  '/admin/apps',
  '/admin/history',
  '/admin/nodes',
  '/admin/live',
  '/admin/live/socket',
  '/admin/cutover',
  '/admin/webhooks',
  '/admin/webhooks/failed',
  '/admin/channels',
  '/admin/channel',
  '/admin/users',
  '/admin/user',
  '/admin/connection',
  '/admin/webhooks/failed/:id',
  '/admin/auth/decisions',
  '/admin/parts',
  '/admin/trace',
]);

/** Routes by which the page changes something; none has a secret in its answer. */
const ACTIONS: ReadonlySet<string | undefined> = new Set([
  '/admin/webhooks/replay',
  '/admin/webhooks/test',
  '/admin/connection/reconnect',
  '/admin/connection/end',
  '/admin/user/end',
  '/admin/auth/forget',
  '/admin/events',
  '/admin/doctor',
  '/admin/capacity',
]);

/** Fields of the body of an action that its line in the log has. */
const TARGETS = ['app', 'socket', 'user', 'channel', 'channels', 'name', 'owner', 'endpoint', 'ids'] as const;
const MAX_TARGET_CHARS = 200;

export interface AccessRefusal {
  readonly status: 401 | 403;
  readonly error: string;
}

const refusal = (status: 401 | 403, error: string): AccessRefusal => ({ status, error });

const FOREIGN = refusal(403, 'This request comes from a page of another origin.');
const ENDED = refusal(401, 'The session has ended: log in again.');
const READ_ONLY = refusal(403, 'The console is read-only: WAVEHALL_CONSOLE=read.');
const TOKEN_ONLY = refusal(
  403,
  'Only the token of WAVEHALL_ADMIN_TOKEN allows this, not a session of the console.',
);

/** Decides on requests to the admin API that carry the cookie of the console in place of the token (SPEC 17.3). */
export class ConsoleAccess {
  readonly #options: ConsoleOptions;
  readonly #actions = new WeakSet<FastifyRequest>();

  constructor(options: ConsoleOptions) {
    this.#options = options;
  }

  /** Returns `undefined` for a request that is allowed. */
  async check(request: FastifyRequest): Promise<AccessRefusal | undefined> {
    const { raw } = request;
    if (!isOwnOrigin(raw, this.#options.client(raw))) return FOREIGN;
    if (!(await this.isOpen(request))) return ENDED;
    const { url } = request.routeOptions;
    if (request.method === 'GET' && READ.has(url)) return undefined;
    if (!ACTIONS.has(url)) return TOKEN_ONLY;
    this.#actions.add(request);
    if (raw.headers[CONSOLE_HEADER] === undefined || raw.headers.origin === undefined) return FOREIGN;
    return this.#options.mode === 'read' ? READ_ONLY : undefined;
  }

  /** True while the session that a request names is open. */
  async isOpen({ raw }: FastifyRequest): Promise<boolean> {
    const id = sessionIn(raw);
    return id !== undefined && (await this.#options.sessions.has(id));
  }

  /** Writes a line to the log for each action, the refused ones too. */
  audit(scope: FastifyInstance): void {
    const { logger, client } = this.#options;
    scope.addHook('onResponse', (request, reply, done) => {
      const action = `${request.method} ${request.routeOptions.url ?? ''}`;
      if (this.#actions.has(request))
        logger.warn('Action in the console', {
          action,
          ...targetOf(request.body),
          address: client(request.raw).address,
          status: reply.statusCode,
        });
      done();
    });
  }
}

/** Concerned by an action, as far as its body is one. */
function targetOf(body: unknown): Readonly<Record<string, string>> {
  const fields = isJsonObject(body) ? body : {};
  return Object.fromEntries(
    TARGETS.flatMap((name) => {
      const texts = [fields[name]].flat().filter((each) => typeof each === 'string');
      return texts.length === 0 ? [] : [[name, texts.join(' ').slice(0, MAX_TARGET_CHARS)]];
    }),
  );
}
