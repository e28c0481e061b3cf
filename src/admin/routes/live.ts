import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { splitTarget } from '../../core/util/http-text.ts';
import type { LiveFilter, LiveLine } from '../../core/live/line.ts';
import { sleep } from '../../core/util/time.ts';
import { BadRequest, Conflict } from '../requests.ts';

/** Viewers of one process at the same time. */
export const MAX_VIEWERS = 10;
const READ_EVERY_MS = 200;
/** An empty line shows that the server is alive. */
const SIGN_OF_LIFE_MS = 5000;
/** Bytes that wait for a viewer; beyond, lines are left out. */
const MAX_WAITING_BYTES = 1024 * 1024;
const MAX_FILTER_CHARS = 300;

/** The live feed of this server. */
export interface LiveSource {
  /** False when this process stops: the streams end. */
  isOpen(): boolean;
  open(filter: LiveFilter): LiveReader;
}

interface LiveReader {
  /** Lines since the last read, and the number of those that were left out. */
  read(): Promise<{ readonly lines: readonly LiveLine[]; readonly leftOut: number }>;
}

/** Adds `/live`: a stream of JSON lines (SPEC 11.5). */
export function addLiveRoute(scope: FastifyInstance, live: LiveSource): void {
  let viewers = 0;
  scope.get('/live', (request, reply) => {
    const filter = filterIn(request.raw.url ?? '');
    if (viewers >= MAX_VIEWERS) throw new Conflict(`${MAX_VIEWERS} viewers look already: close one of them.`);
    viewers += 1;
    reply.hijack();
    void stream(live, filter, reply.raw)
      .catch(() => reply.raw.destroy())
      .finally(() => (viewers -= 1));
  });
}

async function stream(live: LiveSource, filter: LiveFilter, answer: ServerResponse): Promise<void> {
  const gone = new AbortController();
  answer.on('close', () => gone.abort());
  answer.on('error', () => gone.abort());
  answer.writeHead(200, {
    'content-type': 'application/x-ndjson',
    'cache-control': 'no-store',
    // nginx would hold lines back.
    'x-accel-buffering': 'no',
  });
  answer.flushHeaders();
  const reader = live.open(filter);
  let leftOut = 0;
  let wroteMs = performance.now();
  while (!gone.signal.aborted && live.isOpen()) {
    const read = await reader.read();
    leftOut += read.leftOut;
    const isSlow = answer.writableLength > MAX_WAITING_BYTES;
    if (isSlow) leftOut += read.lines.length;
    else if (read.lines.length > 0 || leftOut > 0 || performance.now() - wroteMs > SIGN_OF_LIFE_MS) {
      answer.write(textOf(read.lines, leftOut));
      leftOut = 0;
      wroteMs = performance.now();
    }
    await sleep(READ_EVERY_MS, gone.signal);
  }
  answer.end();
}

const textOf = (lines: readonly LiveLine[], leftOut: number): string =>
  [...lines, ...(leftOut === 0 ? [] : [{ atMs: Date.now(), type: 'left-out', lines: leftOut }])]
    .map((line) => JSON.stringify(line))
    .join('\n') + '\n';

/** Reads `?app=&channel=&event=&payload=1`. */
function filterIn(url: string): LiveFilter {
  const given = new URLSearchParams(splitTarget(url)[1]);
  const unknown = [...given.keys()].find((name) => !NAMES.includes(name));
  if (unknown !== undefined)
    throw new BadRequest(`${JSON.stringify(unknown.slice(0, 100))}: expected ${NAMES.join(' or ')}`);
  const [app, channel, event] = ['app', 'channel', 'event'].map((name) => textIn(given, name));
  const payload = given.get('payload') ?? '0';
  if (payload !== '0' && payload !== '1') throw new BadRequest('payload: expected 0 or 1');
  return { app, channel, event, payload: payload === '1' };
}

const NAMES = ['app', 'channel', 'event', 'payload'];

function textIn(given: URLSearchParams, name: string): string | undefined {
  const text = given.get(name) ?? undefined;
  if (text !== undefined && text.length > MAX_FILTER_CHARS)
    throw new BadRequest(`${name}: expected at most ${MAX_FILTER_CHARS} characters`);
  return text;
}
