import type { RefusalReason } from '../refusals/reasons.ts';
import type { LogExample } from '../util/minute-log.ts';
import { copiedText } from './copied-text.ts';
import type { RefusalFacts } from './facts.ts';

/** Without a refusal for so long, the next one begins a new count. */
export const PAUSE_MS = 15 * 60_000;
/** Counts for configured apps, and for what is not known: invented ids push out none of the former. */
export const MOST_KNOWN = 500;
export const MOST_UNKNOWN = 50;
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

type Count = { -readonly [Name in keyof RefusalFacts]: RefusalFacts[Name] };

/** Counts the refusals of late, by reason, app and channel (SPEC 16.2). Bounded, whatever is refused. */
export class RecentRefusals {
  readonly #clock: () => number;
  /** The one that was counted least lately comes first. */
  readonly #known = new Map<string, Count>();
  readonly #unknown = new Map<string, Count>();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  note(reason: string, example: LogExample): void {
    if (!TRACED.has(reason) || isOtherRequest(example)) return;
    const isUnknown = OF_NO_APP.has(reason) || example.app === undefined;
    const counts = isUnknown ? this.#unknown : this.#known;
    const key = JSON.stringify([reason, example.app, example.key, example.status, example.channel]);
    const now = this.#clock();
    const before = counts.get(key);
    counts.delete(key);
    const isNew = before === undefined || now - before.lastMs > PAUSE_MS;
    const { count, sinceMs } = isNew ? { count: 0, sinceMs: now } : before;
    const app = example.app === undefined ? undefined : copiedText(String(example.app), MOST_TEXT_CHARS);
    const ended = { reason, app, count: count + 1, sinceMs, lastMs: now, example: copyOf(example) };
    counts.set(copiedText(key, 4 * MOST_TEXT_CHARS), ended);
    const [oldest = ''] = counts.keys();
    if (counts.size > (isUnknown ? MOST_UNKNOWN : MOST_KNOWN)) counts.delete(oldest);
  }

  /** Those of an app and those that may be of it, the newest first; `undefined`: of all. */
  of(app: string | undefined, most: number): readonly RefusalFacts[] {
    const now = this.#clock();
    return [...this.#known.values(), ...this.#unknown.values()]
      .filter((each) => now - each.lastMs <= PAUSE_MS)
      .filter((each) => app === undefined || each.app === undefined || each.app === app || isOfNoApp(each))
      .sort((one, other) => other.lastMs - one.lastMs)
      .slice(0, most);
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
