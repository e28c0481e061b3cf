import { isDeepStrictEqual } from 'node:util';
import { contradictionIn, sequencesByTime } from './common-order.ts';
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
  /** A client received the events of a sender, or of a channel, in the wrong order. */
  'reordered',
  /** A socket received an event that excluded it. */
  'excluded',
  /** A client received an event that was not sent to its channel. */
  'invented',
  /** A client received an event whose request was answered 503. */
  'refused',
  /** The received data differs from the sent data. */
  'altered',
  /** A client event carries another user than its sender. */
  'misattributed',
  /** A member joined twice, left without having joined, or joined and left more often than its sockets did. */
  'memberChanges',
  /** A client, a server or Redis lists other members than those with open sockets. */
  'rosters',
  /** A server or Redis reports another number than that of the open sockets. */
  'counts',
] as const;
export type Kind = (typeof KINDS)[number];

/** Result of a check: violations of each kind, descriptions of the first few, and the number of compared deliveries. */
export interface Verdict {
  readonly counts: Readonly<Record<Kind, number>>;
  readonly examples: readonly string[];
  /** Lost during an injected fault that may lose it; not counted as lost. */
  readonly lostInFaults: number;
  /** Received on both servers by a client that reconnected faster than the event was forwarded. */
  readonly doubledByMove: number;
  /** Received on neither: it had not reached the server that the client left, or its sender left before it arrived. */
  readonly missedByMove: number;
  readonly deliveries: number;
  readonly expected: number;
}

export interface CheckOptions {
  /** Time before the end of a subscription in which an event may still be in flight; `Infinity`: checks open ones only. */
  readonly settleMs?: number;
  /** Time before and after a fault that counts as part of it. */
  readonly faultMs?: number;
  /** True if the docs allow this event to be lost for this subscription. */
  readonly mayBeLost?: (sent: SentEvent, subscription: ClientSubscription) => boolean;
  /** False: an event may be received again on the next socket of a client. */
  readonly onceOverAllSockets?: boolean;
  /** Checks that all servers deliver a channel in one order; true for events whose position must match their time. */
  readonly commonOrder?: (sent: SentEvent) => boolean;
  /** Maximum number of joins and leaves of a user that a client may receive. */
  readonly mostMemberChanges?: (channel: string, user: string) => number;
}

const EXAMPLES_PER_KIND = 5;
/** Time after which an event that was not forwarded to the other server is lost. */
const FORWARD_TIMEOUT_MS = 5000;

class Findings {
  readonly counts = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  readonly examples: string[] = [];

  add(kind: Kind, sentence: string): void {
    this.counts[kind] += 1;
    if (this.counts[kind] <= EXAMPLES_PER_KIND) this.examples.push(`${kind}: ${sentence}`);
  }
}

const eventText = ({ number, kind, channel, server, sender, beganMs, endedMs }: SentEvent): string =>
  `${kind} ${number} on ${channel}${sender === undefined ? '' : ` by ${sender}`} at ${server} (${beganMs.toFixed(0)}–${endedMs.toFixed(0)} ms)`;

const subscriptionText = ({
  client,
  socket,
  server,
  channel,
  sinceMs,
  untilMs,
}: ClientSubscription): string =>
  `${client} (${socket}, ${server}) on ${channel} since ${sinceMs.toFixed(0)}${untilMs === Infinity ? '' : ` until ${untilMs.toFixed(0)}`} ms`;

const isAccepted = ({ status }: SentEvent): boolean => status === 200;

/** Checks a whole log: every subscription of every client against all sent events (SPEC 11.18). */
export const check = (log: DeliveryLog, options: CheckOptions = {}): Verdict =>
  new DeliveryChecker(log, options).verdict();

/** Violations that may disappear with time: lost events, wrong rosters and wrong counts. */
export const unsettled = (log: DeliveryLog, options: CheckOptions = {}): readonly string[] =>
  new DeliveryChecker(log, options).unsettled();

class DeliveryChecker {
  readonly #log: DeliveryLog;
  readonly #options: CheckOptions;
  readonly #findings = new Findings();
  readonly #byNumber: ReadonlyMap<number, SentEvent>;
  /** End of each socket, in ms. */
  readonly #ends: ReadonlyMap<string, number>;
  /** First arrival of each event at each server, in ms. */
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
    for (const { what, value, expected } of this.#log.counts)
      if (value !== expected)
        this.#findings.add('counts', `${what}: ${String(value)}, expected ${String(expected)}`);
    return this.#findings.examples;
  }

  #byClient(): Iterable<readonly ClientSubscription[]> {
    const { subscriptions } = this.#log;
    const { onceOverAllSockets = true } = this.#options;
    return onceOverAllSockets
      ? groupBy(subscriptions, ({ client, channel }) => `${client} ${channel}`).values()
      : subscriptions.map((each) => [each]);
  }

  /** Finds events that were not sent to this subscription, that excluded it, or whose data differs from the sent data. */
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
      if (sent?.sender === undefined) continue;
      const before = latest.get(sent.sender);
      if (before !== undefined && before.position > sent.position)
        this.#findings.add(
          'reordered',
          `${subscriptionText(subscription)} received ${eventText(sent)} after ${before.number}`,
        );
      else latest.set(sent.sender, sent);
    }
  }

  /** Finds channels without one order that fits both all clients and the times of sending. */
  #commonOrders(): void {
    const { commonOrder } = this.#options;
    if (commonOrder === undefined) return;
    for (const [channel, ofChannel] of groupBy(this.#log.subscriptions, (each) => each.channel)) {
      const sent = this.#log.sent.filter(
        (each) => each.channel === channel && isAccepted(each) && commonOrder(each),
      );
      const received = ofChannel.map((each) => each.received.map(({ number }) => number));
      const numbers = contradictionIn([...sequencesByTime(sent), ...received]);
      if (numbers.length > 0)
        this.#findings.add(
          'reordered',
          `no order fits what was received on ${channel}: ${numbers.slice(0, 12).join()}`,
        );
    }
  }

  /**
   * Finds events that a client received twice, also across a move to the other server: an event of the old socket must not
   * be received again on the new one, unless it was sent before the new one opened and was forwarded more slowly than that.
   */
  #doubles(subscriptions: readonly ClientSubscription[]): void {
    const first = new Map<number, ClientSubscription>();
    for (const each of subscriptions)
      for (const { number, atMs } of each.received) {
        const before = first.get(number);
        const sent = this.#byNumber.get(number);
        const isByMove = before !== each && sent !== undefined && sent.endedMs < each.sinceMs;
        if (before !== undefined && isByMove) this.#doubledByMove += 1;
        else if (before !== undefined)
          this.#findings.add(
            'doubled',
            `${subscriptionText(each)} received ${sent ? eventText(sent) : number} again at ${atMs.toFixed(0)} ms${before === each ? '' : `, first on ${before.socket}`}`,
          );
        first.set(number, each);
      }
  }

  #losses(subscription: ClientSubscription, sentToChannel: readonly SentEvent[]): void {
    const { settleMs = 1500, mayBeLost = () => false } = this.#options;
    const { sinceMs, untilMs, socket } = subscription;
    const received = new Set(subscription.received.map(({ number }) => number));
    const lastMs = untilMs === Infinity ? Infinity : untilMs - settleMs;
    for (const sent of sentToChannel) {
      const wasSubscribed = sent.beganMs >= sinceMs && sent.endedMs <= lastMs;
      if (!isAccepted(sent) || sent.except === socket || !wasSubscribed || this.#senderLeft(sent, settleMs))
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
    return `, whose sender was subscribed since ${sender?.sinceMs.toFixed(0) ?? 'never'}`;
  }

  /** True if a client event may still have been in flight to the server when its sender's socket ended. */
  #senderLeft({ kind, except, endedMs }: SentEvent, settleMs: number): boolean {
    if (kind === 'event') return false;
    const end = this.#ends.get(except ?? '') ?? Infinity;
    return end !== Infinity && endedMs > end - settleMs;
  }

  #arrivedMs(number: number, server: string): number {
    this.#arrivals ??= this.#firstArrivals();
    return this.#arrivals.get(`${number} ${server}`) ?? Infinity;
  }

  #firstArrivals(): Map<string, number> {
    const arrivals = new Map<string, number>();
    for (const { server, received } of this.#log.subscriptions)
      for (const { number, atMs } of received)
        for (const key of [`${number} ${server}`, `${number} ${ANYWHERE}`])
          arrivals.set(key, Math.min(atMs, arrivals.get(key) ?? Infinity));
    return arrivals;
  }

  /** True if it had not reached this server when the client left, or no server when its sender left. */
  #isByMove({ number, kind, except, endedMs }: SentEvent, { server, untilMs }: ClientSubscription): boolean {
    if (this.#arrivedMs(number, server) >= untilMs && untilMs - endedMs < FORWARD_TIMEOUT_MS) return true;
    const isReceived = this.#arrivedMs(number, ANYWHERE) < Infinity;
    const senderLeftMs = (kind === 'clientEvent' ? this.#ends.get(except ?? '') : undefined) ?? Infinity;
    return !isReceived && senderLeftMs - endedMs < FORWARD_TIMEOUT_MS;
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
        this.#findings.add('memberChanges', `${who} received at ${atMs.toFixed(0)} ms: ${user} ${kind}`);
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

  /** Finds clients and servers whose members are not those with open sockets. */
  #rosters(): void {
    const open = this.#log.subscriptions.filter(
      ({ untilMs, user }) => untilMs === Infinity && user !== undefined,
    );
    const expected = new Map(
      [...groupBy(open, ({ channel }) => channel)].map(([channel, ofChannel]) => [
        channel,
        [...new Set(ofChannel.map(({ user }) => user ?? ''))].sort(),
      ]),
    );
    const confirmed = open.filter(({ sinceMs }) => sinceMs !== Infinity);
    for (const each of confirmed)
      this.#roster(subscriptionText(each), rosterOf(each), expected.get(each.channel) ?? []);
    for (const { by, channel, users } of this.#log.rosters)
      this.#roster(`${by} for ${channel}`, [...users].sort(), expected.get(channel) ?? []);
  }

  #roster(whose: string, users: readonly string[], expected: readonly string[]): void {
    const missing = expected.filter((user) => !users.includes(user));
    const extra = users.filter((user) => !expected.includes(user));
    const twice = users.filter((user, at) => users.indexOf(user) !== at);
    if (missing.length + extra.length + twice.length > 0)
      this.#findings.add(
        'rosters',
        `${whose}: missing ${missing.join() || 'none'}, extra ${extra.join() || 'none'}, twice ${twice.join() || 'none'}`,
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
