import { isDeepStrictEqual } from 'node:util';
import { contradictionIn, linesByTime } from './common-order.ts';
import {
  contradictionsOf,
  changesByUser,
  groupBy,
  rosterOf,
  type ClientSubscription,
  type DeliveryLog,
  type SentEvent,
} from './delivery-log.ts';

export const KINDS = [
  /** A subscriber never received an accepted event. */
  'lost',
  /** A client received an event again. */
  'doubled',
  /** A client received the events of a sender, or of a channel, in another order. */
  'reordered',
  /** A socket received an event that excluded it. */
  'excluded',
  /** An event came that was not sent to this channel. */
  'invented',
  /** An event came that was answered 503. */
  'refused',
  /** The data is not that which was sent. */
  'altered',
  /** A client event came from another user than its sender. */
  'misattributed',
  /** A member joined twice, left without being there, or joined and left more often than its sockets did. */
  'memberChanges',
  /** A client, a server or Redis has other members than those whose sockets are open. */
  'rosters',
  /** A server or Redis reports other numbers than the open sockets say. */
  'counts',
] as const;
export type Kind = (typeof KINDS)[number];

/** Number of violations of each kind, the first few of each in words, and how much there was to compare. */
export interface Verdict {
  readonly counts: Readonly<Record<Kind, number>>;
  readonly examples: readonly string[];
  /** Lost while something was broken on purpose, which may lose it: not counted as lost. */
  readonly lostInFaults: number;
  /** Received on both servers by a client that moved faster than the event. */
  readonly doubledByMove: number;
  /** Received on neither: it was not yet on the server that the client left, or its sender left before it arrived. */
  readonly missedByMove: number;
  readonly deliveries: number;
  readonly expected: number;
}

export interface CheckOptions {
  /** Time before the end of a subscription in which an event may still be on its way; `Infinity`: only open ones count. */
  readonly settleMs?: number;
  /** Time before and after a fault that counts as part of it. */
  readonly faultMs?: number;
  /** True where the docs say that this event may be lost for this subscription. */
  readonly mayBeLost?: (sent: SentEvent, subscription: ClientSubscription) => boolean;
  /** False: an event may come again on the next socket of a client. */
  readonly onceOverAllSockets?: boolean;
  /** All servers have one order for a channel. True for an accepted event that keeps its place by the time it was sent. */
  readonly commonOrder?: (sent: SentEvent) => boolean;
  /** Number of joins and leaves of a user that a client may receive. */
  readonly mostMemberChanges?: (channel: string, user: string) => number;
}

const EXAMPLES_PER_KIND = 5;
/** Time after which an event that has not crossed between servers is lost. */
const LONGEST_CROSSING_MS = 5000;

class Findings {
  readonly counts = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  readonly examples: string[] = [];

  add(kind: Kind, sentence: string): void {
    this.counts[kind] += 1;
    if (this.counts[kind] <= EXAMPLES_PER_KIND) this.examples.push(`${kind}: ${sentence}`);
  }
}

const eventText = ({ number, kind, channel, at, lane, beganMs, endedMs }: SentEvent): string =>
  `${kind} ${number} on ${channel}${lane === undefined ? '' : ` by ${lane}`} at ${at} (${beganMs.toFixed(0)}–${endedMs.toFixed(0)} ms)`;

const subscriptionText = ({ client, socket, side, channel, sinceMs, untilMs }: ClientSubscription): string =>
  `${client} (${socket}, ${side}) on ${channel} since ${sinceMs.toFixed(0)}${untilMs === Infinity ? '' : ` until ${untilMs.toFixed(0)}`} ms`;

const isAccepted = ({ status }: SentEvent): boolean => status === 200;

/** Reads a whole log: every subscription of every client against everything that was sent (SPEC 11.18). */
export const check = (log: DeliveryLog, options: CheckOptions = {}): Verdict =>
  new DeliveryChecker(log, options).verdict();

/** Violations that may pass with time: what is lost, other rosters, other counts. */
export const unsettled = (log: DeliveryLog, options: CheckOptions = {}): readonly string[] =>
  new DeliveryChecker(log, options).unsettled();

class DeliveryChecker {
  readonly #log: DeliveryLog;
  readonly #options: CheckOptions;
  readonly #findings = new Findings();
  readonly #byNumber: ReadonlyMap<number, SentEvent>;
  /** When sockets ended. */
  readonly #ends: ReadonlyMap<string, number>;
  /** When an event first arrived at a server. */
  #arrivals: ReadonlyMap<string, number> | undefined;
  #lostInFaults = 0;
  #doubledByMove = 0;
  #missedByMove = 0;
  #expected = 0;

  constructor(log: DeliveryLog, options: CheckOptions) {
    this.#log = log;
    this.#options = options;
    this.#byNumber = new Map(log.sent.map((sent) => [sent.number, sent]));
    this.#ends = new Map(log.subscriptions.map(({ socket, untilMs }) => [socket, untilMs]));
  }

  verdict(): Verdict {
    const { subscriptions } = this.#log;
    for (const each of subscriptions) {
      this.#contents(each);
      this.#order(each);
      this.#memberChanges(each);
    }
    this.#commonOrders();
    for (const ofClient of this.#byClient()) this.#doubles(ofClient);
    this.unsettled();
    return {
      counts: this.#findings.counts,
      examples: this.#findings.examples,
      lostInFaults: this.#lostInFaults,
      doubledByMove: this.#doubledByMove,
      missedByMove: this.#missedByMove,
      deliveries: subscriptions.reduce((sum, { received }) => sum + received.length, 0),
      expected: this.#expected,
    };
  }

  unsettled(): readonly string[] {
    const byChannel = groupBy(this.#log.sent, ({ channel }) => channel);
    for (const each of this.#log.subscriptions) this.#losses(each, byChannel.get(each.channel) ?? []);
    this.#rosters();
    for (const { what, value, truth } of this.#log.counts)
      if (value !== truth)
        this.#findings.add('counts', `${what}: ${String(value)}, but it is ${String(truth)}`);
    return this.#findings.examples;
  }

  #byClient(): Iterable<readonly ClientSubscription[]> {
    const { subscriptions } = this.#log;
    const { onceOverAllSockets = true } = this.#options;
    return onceOverAllSockets
      ? groupBy(subscriptions, ({ client, channel }) => `${client} ${channel}`).values()
      : subscriptions.map((each) => [each]);
  }

  /** Finds events that were not sent to this subscription, were meant for others only, or have other data than was sent. */
  #contents(subscription: ClientSubscription): void {
    const who = subscriptionText(subscription);
    for (const { number, data, user } of subscription.received) {
      const sent = this.#byNumber.get(number);
      if (sent?.channel !== subscription.channel) {
        this.#findings.add('invented', `${who} received ${number}, which was not sent there`);
        continue;
      }
      const what = eventText(sent);
      if (sent.except === subscription.socket)
        this.#findings.add('excluded', `${who} received ${what}, which excluded it`);
      if (sent.status === 503)
        this.#findings.add('refused', `${who} received ${what}, which was answered 503`);
      if (!isDeepStrictEqual(data, sent.data) && !isDeepStrictEqual(data, asPhpEncodes(sent.data)))
        this.#findings.add('altered', `${who} received ${what} as ${JSON.stringify(data)}`);
      if (user !== sent.user)
        this.#findings.add('misattributed', `${who} received ${what} from ${user ?? 'no user'}`);
    }
  }

  #order(subscription: ClientSubscription): void {
    const latest = new Map<string, SentEvent>();
    for (const { number } of subscription.received) {
      const sent = this.#byNumber.get(number);
      if (sent?.lane === undefined) continue;
      const before = latest.get(sent.lane);
      if (before !== undefined && before.place > sent.place)
        this.#findings.add(
          'reordered',
          `${subscriptionText(subscription)} received ${eventText(sent)} after ${before.number}`,
        );
      else latest.set(sent.lane, sent);
    }
  }

  /** Finds channels whose events were not received, by all clients, in one order that also fits the times of sending. */
  #commonOrders(): void {
    const { commonOrder } = this.#options;
    if (commonOrder === undefined) return;
    for (const [channel, ofChannel] of groupBy(this.#log.subscriptions, (each) => each.channel)) {
      const sent = this.#log.sent.filter(
        (each) => each.channel === channel && isAccepted(each) && commonOrder(each),
      );
      const received = ofChannel.map((each) => each.received.map(({ number }) => number));
      const numbers = contradictionIn([...linesByTime(sent), ...received]);
      if (numbers.length > 0)
        this.#findings.add(
          'reordered',
          `no order fits what was received on ${channel}: ${numbers.slice(0, 12).join()}`,
        );
    }
  }

  /**
   * Also over a move to the other server: an event of the old socket must not come again on the new one, unless it was
   * sent before the new one came and crossed more slowly than the client.
   */
  #doubles(subscriptions: readonly ClientSubscription[]): void {
    const known = new Map<number, ClientSubscription>();
    for (const each of subscriptions)
      for (const { number, atMs } of each.received) {
        const before = known.get(number);
        const sent = this.#byNumber.get(number);
        const isByMove = before !== each && sent !== undefined && sent.endedMs < each.sinceMs;
        if (before !== undefined && isByMove) this.#doubledByMove += 1;
        else if (before !== undefined)
          this.#findings.add(
            'doubled',
            `${subscriptionText(each)} received ${sent ? eventText(sent) : number} again at ${atMs.toFixed(0)} ms${before === each ? '' : `, first on ${before.socket}`}`,
          );
        known.set(number, each);
      }
  }

  #losses(subscription: ClientSubscription, sentThere: readonly SentEvent[]): void {
    const { settleMs = 1500, mayBeLost = () => false } = this.#options;
    const { sinceMs, untilMs, socket } = subscription;
    const received = new Set(subscription.received.map(({ number }) => number));
    const lastMs = untilMs === Infinity ? Infinity : untilMs - settleMs;
    for (const sent of sentThere) {
      const wasThere = sent.beganMs >= sinceMs && sent.endedMs <= lastMs;
      if (!isAccepted(sent) || sent.except === socket || !wasThere || this.#senderLeft(sent, settleMs))
        continue;
      this.#expected += 1;
      if (received.has(sent.number) || mayBeLost(sent, subscription)) continue;
      if (this.#isByFault(sent, subscription)) this.#lostInFaults += 1;
      else if (this.#isByMove(sent, subscription)) this.#missedByMove += 1;
      else
        this.#findings.add(
          'lost',
          `${subscriptionText(subscription)} never received ${eventText(sent)}${this.#senderText(sent)}`,
        );
    }
  }

  #senderText({ kind, except, channel }: SentEvent): string {
    if (kind === 'event') return '';
    const sender = this.#log.subscriptions.find((each) => each.socket === except && each.channel === channel);
    return `, whose sender was there since ${sender?.sinceMs.toFixed(0) ?? 'never'}`;
  }

  /** A client event may still be on its way to the server when its sender's socket ends. */
  #senderLeft({ kind, except, endedMs }: SentEvent, settleMs: number): boolean {
    if (kind === 'event') return false;
    const end = this.#ends.get(except ?? '') ?? Infinity;
    return end !== Infinity && endedMs > end - settleMs;
  }

  #arrivedMs(number: number, side: string): number {
    this.#arrivals ??= this.#firstArrivals();
    return this.#arrivals.get(`${number} ${side}`) ?? Infinity;
  }

  #firstArrivals(): Map<string, number> {
    const arrivals = new Map<string, number>();
    for (const { side, received } of this.#log.subscriptions)
      for (const { number, atMs } of received)
        for (const key of [`${number} ${side}`, `${number} ${ANYWHERE}`])
          arrivals.set(key, Math.min(atMs, arrivals.get(key) ?? Infinity));
    return arrivals;
  }

  /** It had not arrived at this server when the client left it, or nowhere at all when its sender left. */
  #isByMove({ number, kind, except, endedMs }: SentEvent, { side, untilMs }: ClientSubscription): boolean {
    if (this.#arrivedMs(number, side) >= untilMs && untilMs - endedMs < LONGEST_CROSSING_MS) return true;
    const isReceived = this.#arrivedMs(number, ANYWHERE) < Infinity;
    const senderLeftMs = (kind === 'clientEvent' ? this.#ends.get(except ?? '') : undefined) ?? Infinity;
    return !isReceived && senderLeftMs - endedMs < LONGEST_CROSSING_MS;
  }

  #isByFault(sent: SentEvent, subscription: ClientSubscription): boolean {
    const { faultMs = 0 } = this.#options;
    return this.#log.faults.some(
      ({ beganMs, endedMs, mayLose }) =>
        sent.endedMs >= beganMs - faultMs && sent.beganMs <= endedMs + faultMs && mayLose(sent, subscription),
    );
  }

  #memberChanges(subscription: ClientSubscription): void {
    const who = subscriptionText(subscription);
    if (subscription.roster !== undefined)
      for (const { user, kind, atMs } of contradictionsOf(subscription))
        this.#findings.add(
          'memberChanges',
          `${who} received at ${atMs.toFixed(0)} ms that ${user} was ${kind}`,
        );
    const { mostMemberChanges } = this.#options;
    if (mostMemberChanges === undefined) return;
    for (const [user, times] of changesByUser(subscription)) {
      const most = mostMemberChanges(subscription.channel, user);
      if (times > most)
        this.#findings.add(
          'memberChanges',
          `${who} received ${times} joins and leaves of ${user}: ${most} at most`,
        );
    }
  }

  /** In the end every client that is there, and every server, has the same members: those whose sockets are open. */
  #rosters(): void {
    const open = this.#log.subscriptions.filter(
      ({ untilMs, user }) => untilMs === Infinity && user !== undefined,
    );
    const truths = new Map(
      [...groupBy(open, ({ channel }) => channel)].map(([channel, ofChannel]) => [
        channel,
        [...new Set(ofChannel.map(({ user }) => user ?? ''))].sort(),
      ]),
    );
    const confirmed = open.filter(({ sinceMs }) => sinceMs !== Infinity);
    for (const each of confirmed)
      this.#roster(subscriptionText(each), rosterOf(each), truths.get(each.channel) ?? []);
    for (const { by, channel, users } of this.#log.rosters)
      this.#roster(`${by} for ${channel}`, [...users].sort(), truths.get(channel) ?? []);
  }

  #roster(whose: string, users: readonly string[], truth: readonly string[]): void {
    const missing = truth.filter((user) => !users.includes(user));
    const extra = users.filter((user) => !truth.includes(user));
    const twice = users.filter((user, at) => users.indexOf(user) !== at);
    if (missing.length + extra.length + twice.length > 0)
      this.#findings.add(
        'rosters',
        `${whose}: missing ${missing.join() || 'none'}, not there ${extra.join() || 'none'}, twice ${twice.join() || 'none'}`,
      );
  }
}

const ANYWHERE = 'anywhere';

/** The data with `{}` as `[]`: PHP decodes both to an empty array and encodes that as `[]`. */
function asPhpEncodes(data: unknown): unknown {
  if (Array.isArray(data)) return data.map(asPhpEncodes);
  if (typeof data !== 'object' || data === null) return data;
  const entries = Object.entries(data);
  return entries.length === 0
    ? []
    : Object.fromEntries(entries.map(([name, value]) => [name, asPhpEncodes(value)]));
}
