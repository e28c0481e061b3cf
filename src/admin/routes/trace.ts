import type { FastifyInstance } from 'fastify';
import type { TraceQuery } from '../../core/trace/facts.ts';
import { splitTarget } from '../../core/util/http-text.ts';
import { BadRequest } from '../requests.ts';

const NAMES = ['id', 'app', 'channel', 'last'];
const ID = /^[0-9a-z]{8}-[0-9a-z]{1,11}(?:\.\d{1,6})?$/;
/** More characters than names may have. */
const MOST_CHARS = 1024;

/** The traces of this server and its cluster. */
export interface TraceFinder {
  find(query: TraceQuery): Promise<object>;
}

/** Adds `/trace` (SPEC 16.3). */
export function addTraceRoute(scope: FastifyInstance, trace: TraceFinder): void {
  scope.get('/trace', (request) => trace.find(queryIn(request.raw.url ?? '')));
}

/** Reads `?id=`, `?channel=` with or without `&app=`, or `?last=1` with or without `&app=`. */
export function queryIn(url: string): TraceQuery {
  const given = new URLSearchParams(splitTarget(url)[1]);
  const unknown = [...given.keys()].find((name) => !NAMES.includes(name));
  if (unknown !== undefined)
    throw new BadRequest(`${JSON.stringify(unknown.slice(0, 100))}: expected ${NAMES.join(' or ')}`);
  const [id, app, channel] = ['id', 'app', 'channel'].map((name) => textIn(given, name));
  const last = given.get('last') ?? undefined;
  if (last !== undefined && last !== '1') throw new BadRequest('last: expected 1');
  if ([id, channel, last].filter((each) => each !== undefined).length !== 1)
    throw new BadRequest('Expected one of id, channel and last=1.');
  if (id === undefined) return { app, channel };
  if (!ID.test(id)) throw new BadRequest(`id: expected one of X-Wavehall-Event-Id, such as k3f9a2bc-1z`);
  if (app !== undefined) throw new BadRequest('app: expected not to be given with an id');
  return { id };
}

function textIn(given: URLSearchParams, name: string): string | undefined {
  const text = given.get(name) ?? undefined;
  if (text !== undefined && (text === '' || text.length > MOST_CHARS))
    throw new BadRequest(`${name}: expected 1 to ${MOST_CHARS} characters`);
  return text;
}
