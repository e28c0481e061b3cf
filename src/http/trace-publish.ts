import type { IncomingHttpHeaders } from 'node:http';
import { isJsonObject, type JsonObject, parseJsonObject } from '#protocol';
import type { App } from '../core/app.ts';
import { copiedText } from '../core/trace/copied-text.ts';
import type { OutcomeFacts } from '../core/trace/facts.ts';
import type { Trace } from '../core/trace/trace.ts';
import type { AskedEvent, TracedRequest } from '../core/trace/traced-request.ts';
import { type Answer, answerTo, INTERNAL_ERROR } from './errors.ts';

/** Kinds of publishes by their path below the app. */
const SOURCES: Readonly<Record<string, 'http' | 'batch' | undefined>> = {
  '/events': 'http',
  '/batch_events': 'batch',
};
/** Characters of the names of a refused event, and how many of its events and channels are kept. */
const MOST_NAME_CHARS = 200;
const MOST_NAMES = 20;
const MOST_ANSWER_CHARS = 200;

interface Publish {
  readonly method: string;
  /** Below `/apps/:appId`. */
  readonly path: string;
  readonly app: App;
  readonly rawQuery: string;
  readonly headers: IncomingHttpHeaders;
  readonly address: string;
  readonly body: Buffer;
}

/** Begins the trace of a request with a valid signature (SPEC 16.1); `undefined`: it publishes nothing, or there is no trace. */
export function beginTrace(trace: Trace | undefined, request: Publish): TracedRequest | undefined {
  const source = request.method === 'POST' ? SOURCES[request.path] : undefined;
  if (source === undefined) return undefined;
  const { app, rawQuery, headers, address, body } = request;
  return trace?.begin({
    app: app.id,
    key: keyIn(rawQuery, app),
    source,
    address,
    agent: agentIn(headers),
    bodyBytes: body.length,
  });
}

/** Runs a request and keeps its outcome. */
export async function tracing<T>(
  trace: Trace | undefined,
  traced: TracedRequest | undefined,
  body: Buffer,
  handle: () => Promise<T>,
): Promise<T> {
  if (trace === undefined || traced === undefined) return handle();
  try {
    const answer = await handle();
    trace.end(traced, { status: 200 });
    return answer;
  } catch (error) {
    traced.asks(namedIn(body));
    trace.end(traced, outcomeOf(answerTo(error) ?? INTERNAL_ERROR));
    throw error;
  }
}

/** The key of the app that a verified request names. */
function keyIn(rawQuery: string, { credentials }: App): string {
  const [current, ...former] = credentials;
  if (former.length === 0) return current.key;
  const given = new URLSearchParams(rawQuery).get('auth_key');
  return credentials.find(({ key }) => key === given)?.key ?? current.key;
}

/** Pusher's libraries name themselves beside the HTTP client that they use. */
function agentIn(headers: IncomingHttpHeaders): string | undefined {
  const library = headers['x-pusher-library'];
  return typeof library === 'string' ? library : headers['user-agent'];
}

const outcomeOf = ({ status, body, cause }: Answer): OutcomeFacts => ({
  status,
  answer: copiedText(typeof body === 'string' ? body : JSON.stringify(body), MOST_ANSWER_CHARS),
  sizeBytes: cause?.sizeBytes,
  limitBytes: cause?.limitBytes,
});

/** Reads what a refused body names, as far as it can be read. */
function namedIn(body: Buffer): readonly AskedEvent[] {
  const fields = parseJsonObject(body.toString());
  if (fields === undefined) return [];
  const items = Array.isArray(fields.batch) ? fields.batch.filter(isJsonObject) : [fields];
  return items.slice(0, MOST_NAMES).map(namedOf);
}

function namedOf({ name, channel, channels, socket_id: except }: JsonObject): AskedEvent {
  const given: readonly unknown[] = Array.isArray(channels) ? channels : [channel];
  return {
    name: shortened(name) ?? '',
    channels: given.slice(0, MOST_NAMES).flatMap((each) => shortened(each) ?? []),
    except: shortened(except),
  };
}

const shortened = (value: unknown): string | undefined =>
  typeof value === 'string' ? copiedText(value, MOST_NAME_CHARS) : undefined;
