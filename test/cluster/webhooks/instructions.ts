import type { Keys } from '../../../src/stores/redis/keys.ts';

/** A moment that is known to lie in a span of time. */
interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

interface Change {
  readonly span: { fromMs: number; toMs: number };
  readonly isPresent: boolean;
}

interface Row {
  sockets: number;
  users: Set<string>;
}

/** Names what webhooks tell of: a channel, or a user on a channel. */
export const subjectOf = (channel: string, user = ''): string => `${channel} ${user}`;

/**
 * Record of what the nodes have told Redis that they hold, from the arguments of their scripts alone: when each channel was occupied, and
 * each user a member, over all nodes. Knows nothing of transitions, of smoothing or of the outbox.
 */
export class Instructions {
  readonly #keys: Keys;
  /** By channel, then by the id of a node. */
  readonly #rows = new Map<string, Map<string, Row>>();
  readonly #changes = new Map<string, Change[]>();

  constructor(keys: Keys) {
    this.#keys = keys;
  }

  /** Takes a script that Redis has run; calls come in the order in which it ran them. */
  add(script: string, args: readonly unknown[], answer: unknown, span: Span): void {
    const [status, left] = answer as [string, unknown];
    if (status !== 'OK') return;
    const given = args.slice(1 + Number(args[0])).map(String);
    if (script === 'sync-channel') this.#sync(given, span);
    if (script === 'clean-up-node' && left === 0) this.#remove(given[0] ?? '', String(args[1]), span);
  }

  /** Redis has lost everything: what was there may be told as gone, until a node writes it again. */
  wiped(nowMs: number): void {
    this.#rows.clear();
    for (const [subject, changes] of this.#changes)
      if (changes.at(-1)?.isPresent === true)
        this.#note(subject, false, { fromMs: nowMs, toMs: Number.POSITIVE_INFINITY });
  }

  /** Returns whether the subject was certainly there at some moment of the span. */
  wasPresent(subject: string, { fromMs, toMs }: Span): boolean {
    const changes = this.#changes.get(subject) ?? [];
    return changes.some(
      ({ isPresent, span }, at) =>
        isPresent && Math.max(span.toMs, fromMs) < Math.min(changes[at + 1]?.span.fromMs ?? toMs, toMs),
    );
  }

  /** Returns whether the subject was certainly not there at that time. */
  wasAbsent(subject: string, timeMs: number): boolean {
    const changes = this.#changes.get(subject) ?? [];
    if (timeMs < (changes[0]?.span.fromMs ?? Number.POSITIVE_INFINITY) - 1) return true;
    return changes.some(
      ({ isPresent, span }, at) =>
        !isPresent && span.toMs + 1 < timeMs && timeMs < (changes[at + 1]?.span.fromMs ?? timeMs + 1) - 1,
    );
  }

  #sync(given: readonly string[], span: Span): void {
    const [, node = '', , , channel = '', sockets, , , mode, count = '0'] = given;
    const rows = this.#rows.get(channel) ?? new Map<string, Row>();
    this.#rows.set(channel, rows);
    const row = rows.get(node) ?? { sockets: 0, users: new Set() };
    row.sockets = Number(sockets);
    if (mode !== '0') row.users = new Set();
    const goneAt = 10 + 3 * Number(count);
    for (let at = 10; at < goneAt; at += 3) row.users.add(given[at] ?? '');
    for (const id of given.slice(goneAt + 1, goneAt + 1 + Number(given[goneAt]))) row.users.delete(id);
    rows.set(node, row);
    if (row.sockets === 0 && row.users.size === 0) rows.delete(node);
    this.#compare(channel, span);
  }

  #remove(node: string, generationKey: string, span: Span): void {
    for (const [channel, rows] of this.#rows) {
      const { partition } = this.#keys.channel({ app: 'a', channel });
      if (this.#keys.generation(partition) !== generationKey || !rows.delete(node)) continue;
      this.#compare(channel, span);
    }
  }

  #compare(channel: string, span: Span): void {
    const rows = [...(this.#rows.get(channel)?.values() ?? [])];
    const there = new Set(rows.flatMap(({ users }) => [...users]).map((user) => subjectOf(channel, user)));
    if (rows.length > 0) there.add(subjectOf(channel));
    for (const subject of there) this.#note(subject, true, span);
    for (const subject of this.#changes.keys())
      if (subject.startsWith(`${channel} `) && !there.has(subject)) this.#note(subject, false, span);
  }

  #note(subject: string, isPresent: boolean, span: Span): void {
    const changes = this.#changes.get(subject) ?? [];
    this.#changes.set(subject, changes);
    const last = changes.at(-1);
    if ((last?.isPresent ?? false) === isPresent) return;
    if (last !== undefined) last.span.toMs = Math.min(last.span.toMs, span.toMs);
    changes.push({ isPresent, span: { ...span } });
  }
}
