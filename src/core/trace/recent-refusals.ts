import type { RefusalReason } from '../refusals/reasons.ts';
import type { LogExample } from '../util/minute-log.ts';
import { copiedText } from './copied-text.ts';
import type { RefusalFacts } from './facts.ts';

/** Without a refusal for so long, the next one begins a new count. */
export const PAUSE_MS = 15 * 60_000;
/** Counts of publishers and of clients of configured apps, and of what is not known: none pushes out those of another kind. */
export const MOST_KNOWN = 500;
export const MOST_UNKNOWN = 50;
/** Of each kind that an answer has. */
const MOST_TOLD = 10;
const MOST_TEXT_CHARS = 200;
const MOST_DETAILS = 12;

/** Refusals of publishers, clients and subscriptions, which may be why an event does not arrive. */
const TRACED: ReadonlySet<string> = new Set<RefusalReason>([
  ...(['http_signature', 'http_timestamp', 'http_unknown_app', 'http_request', 'http_idempotency'] as const),
  ...(['http_size', 'http_rate', 'http_unavailable', 'http_unknown_outcome', 'http_not_found'] as const),
  ...(['unknown_app', 'app_disabled', 'app_quota', 'protocol_version', 'tls_required', 'origin'] as const),
  ...(['server_full', 'address_full', 'memory_short', 'unauthorized', 'slow_reader'] as const),
  ...(['channel_name', 'channel_signature', 'channel_limit', 'channel_failed', 'channel_rule'] as const),
  ...(['signin', 'token', 'client_event', 'client_event_rate', 'message_size'] as const),
]);
/** Reasons for which the app is a text of anybody. */
const OF_NO_APP: ReadonlySet<string> = new Set<RefusalReason>([
  'http_unknown_app',
  'http_not_found',
  'unknown_app',
]);

type Counts = Map<string, RefusalFacts>;

/** Counts the refusals of late, by reason, app and channel (SPEC 16.2). Bounded, whatever is refused. */
export class RecentRefusals {
  readonly #clock: () => number;
  /** The one that was counted least lately comes first. */
  readonly #publishers: Counts = new Map();
  readonly #clients: Counts = new Map();
  readonly #unknown: Counts = new Map();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  note(reason: string, example: LogExample): void {
    if (!TRACED.has(reason) || isOtherRequest(example)) return;
    const counts = this.#countsOf(reason, example);
    const { app: id, key: appKey, status, channel, why } = example;
    const key = JSON.stringify([reason, id, appKey, status, channel, why]);
    const now = this.#clock();
    const before = counts.get(key);
    counts.delete(key);
    const isNew = before === undefined || now - before.lastMs > PAUSE_MS;
    const { count, sinceMs } = isNew ? { count: 0, sinceMs: now } : before;
    const app = id === undefined ? undefined : copiedText(String(id), MOST_TEXT_CHARS);
    const ended = { reason, app, count: count + 1, sinceMs, lastMs: now, example: copyOf(example) };
    counts.set(copiedText(key, 4 * MOST_TEXT_CHARS), ended);
    const [oldest = ''] = counts.keys();
    if (counts.size > (counts === this.#unknown ? MOST_UNKNOWN : MOST_KNOWN)) counts.delete(oldest);
  }

  /** Those of an app and those that may be of it, of each kind the newest first; `undefined`: of all. */
  of(app: string | undefined, most = MOST_TOLD): readonly RefusalFacts[] {
    const now = this.#clock();
    return [this.#publishers, this.#clients, this.#unknown].flatMap((counts) =>
      [...counts.values()]
        .filter((each) => now - each.lastMs <= PAUSE_MS)
        .filter((each) => app === undefined || each.app === undefined || each.app === app || isOfNoApp(each))
        .sort((one, other) => other.lastMs - one.lastMs)
        .slice(0, most),
    );
  }

  #countsOf(reason: string, { app, path }: LogExample): Counts {
    if (OF_NO_APP.has(reason) || app === undefined) return this.#unknown;
    return path === undefined ? this.#clients : this.#publishers;
  }
}

const isOfNoApp = ({ reason }: RefusalFacts): boolean => OF_NO_APP.has(reason);

/** True for a request that publishes nothing. */
const isOtherRequest = ({ method, path }: LogExample): boolean =>
  path !== undefined && !(method === 'POST' && /\/(?:batch_)?events$/.test(String(path)));

const copyOf = (example: LogExample): LogExample =>
  Object.fromEntries(
    Object.entries(example)
      .slice(0, MOST_DETAILS)
      .map(([name, value]) => [name, typeof value === 'string' ? copiedText(value, MOST_TEXT_CHARS) : value]),
  );
