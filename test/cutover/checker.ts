import { isDeepStrictEqual } from 'node:util';
import type { Side } from '../../src/cutover/ports.ts';
import {
  contentOf,
  groupBy,
  type ReceivedEvent,
  type DeliveryLog,
  type SentEvent,
  type ClientSubscription,
} from './delivery-log.ts';

export const KINDS = [
  'lost',
  'doubled',
  'reordered',
  'excluded',
  'invented',
  'altered',
  'misattributed',
  'flickered',
  'rosters',
] as const;
export type Kind = (typeof KINDS)[number];

/** How often each kind of thing went wrong, the first few of each in words, and how much there was to look at. */
export interface Verdict {
  readonly counts: Readonly<Record<Kind, number>>;
  readonly examples: readonly string[];
  /** Lost while something was broken on purpose: told, not counted as lost. */
  readonly lostInFaults: number;
  /** Heard on both sides by a browser that changed them faster than the event. */
  readonly overtaken: number;
  /** Heard on neither: it had not come to the side that the browser left, or not to the server when the whisperer left. */
  readonly outrun: number;
  readonly deliveries: number;
  readonly expected: number;
}

export interface CheckOptions {
  /** Time before the end of a stay in which an event may still have been on its way. */
  readonly settleMs?: number;
  /** Time before and after a fault that counts as part of it. */
  readonly faultMs?: number;
  /** True where the docs say that this event may be lost for this stay. */
  readonly mayBeLost?: (sent: SentEvent, stay: ClientSubscription) => boolean;
}

const SIDES: readonly Side[] = ['upstream', 'wavehall'];
const EXAMPLES_PER_KIND = 5;
/** Time after which an event that has not crossed is lost. */
const LONGEST_CROSSING_MS = 5000;

class Findings {
  readonly counts = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  readonly examples: string[] = [];

  add(kind: Kind, sentence: string): void {
    this.counts[kind] += 1;
    if (this.counts[kind] <= EXAMPLES_PER_KIND) this.examples.push(`${kind}: ${sentence}`);
  }
}

const named = ({ number, kind, channel, at, lane, beganMs, endedMs }: SentEvent): string =>
  `${kind} ${number} on ${channel} by ${lane} at ${at} (${beganMs.toFixed(0)}–${endedMs.toFixed(0)} ms)`;

const who = ({ client, socket, channel, sinceMs, untilMs }: ClientSubscription): string =>
  `${client} (${socket}) on ${channel} since ${sinceMs.toFixed(0)}${untilMs === Infinity ? '' : ` until ${untilMs.toFixed(0)}`} ms`;

/** Reads a whole log afterwards: every stay of every client against everything that was sent (SPEC 11.18). */
export const check = (log: DeliveryLog, options: CheckOptions = {}): Verdict =>
  new Checker(log, options).verdict();

class Checker {
  readonly #log: DeliveryLog;
  readonly #options: CheckOptions;
  readonly #findings = new Findings();
  readonly #byNumber: ReadonlyMap<number, SentEvent>;
  /** When sockets ended. */
  readonly #ends: ReadonlyMap<string, number>;
  /** When an event first came to a side. */
  readonly #arrivals = new Map<string, number>();
  #lostInFaults = 0;
  #overtaken = 0;
  #outrun = 0;
  #expected = 0;

  constructor(log: DeliveryLog, options: CheckOptions) {
    this.#log = log;
    this.#options = options;
    this.#byNumber = new Map(log.sent.map((sent) => [sent.number, sent]));
    this.#ends = new Map(log.stays.map(({ socket, untilMs }) => [socket, untilMs]));
    for (const { side, heard } of log.stays) for (const each of heard) this.#arrived(side, each);
  }

  verdict(): Verdict {
    const { stays } = this.#log;
    const byChannel = groupBy(this.#log.sent, ({ channel }) => channel);
    for (const stay of stays) {
      this.#contents(stay);
      this.#order(stay);
      this.#news(stay);
      this.#losses(stay, byChannel.get(stay.channel) ?? []);
    }
    for (const ofClient of groupBy(stays, ({ client, channel }) => `${client} ${channel}`).values())
      this.#doubles(ofClient);
    this.#rosters();
    return {
      counts: this.#findings.counts,
      examples: this.#findings.examples,
      lostInFaults: this.#lostInFaults,
      overtaken: this.#overtaken,
      outrun: this.#outrun,
      deliveries: stays.reduce((sum, { heard }) => sum + heard.length, 0),
      expected: this.#expected,
    };
  }

  /** Finds events that were not sent to this stay, were meant for others only, or have another content than was sent. */
  #contents(stay: ClientSubscription): void {
    for (const { number, data, user } of stay.heard) {
      const sent = this.#byNumber.get(number);
      if (sent?.channel !== stay.channel) {
        this.#findings.add('invented', `${who(stay)} heard ${number}, which nobody sent there`);
        continue;
      }
      if (sent.except === stay.socket)
        this.#findings.add('excluded', `${who(stay)} heard ${named(sent)}, which left it out`);
      if (
        !isDeepStrictEqual(data, contentOf(number, stay.channel)) &&
        !isSameToPhp(data, number, stay.channel)
      )
        this.#findings.add('altered', `${who(stay)} heard ${named(sent)} as ${JSON.stringify(data)}`);
      if (user !== sent.user)
        this.#findings.add('misattributed', `${who(stay)} heard ${named(sent)} from ${user ?? 'nobody'}`);
    }
  }

  #order(stay: ClientSubscription): void {
    const latest = new Map<string, SentEvent>();
    for (const { number } of stay.heard) {
      const sent = this.#byNumber.get(number);
      if (sent === undefined) continue;
      const before = latest.get(sent.lane);
      if (before !== undefined && before.place > sent.place)
        this.#findings.add('reordered', `${who(stay)} heard ${named(sent)} after ${before.number}`);
      else latest.set(sent.lane, sent);
    }
  }

  /**
   * Also over a change of sides: what was heard on the old socket must not come again on the new one, unless it was sent
   * before the new one came and crossed more slowly than the browser.
   */
  #doubles(stays: readonly ClientSubscription[]): void {
    const known = new Map<number, ClientSubscription>();
    for (const stay of stays)
      for (const { number, atMs } of stay.heard) {
        const before = known.get(number);
        const sent = this.#byNumber.get(number);
        const isOvertaken = before !== stay && sent !== undefined && sent.endedMs < stay.sinceMs;
        if (before !== undefined && isOvertaken) this.#overtaken += 1;
        else if (before !== undefined)
          this.#findings.add(
            'doubled',
            `${who(stay)} heard ${sent ? named(sent) : number} again at ${atMs.toFixed(0)} ms${before === stay ? '' : `, first on ${before.socket}`}`,
          );
        known.set(number, stay);
      }
  }

  #losses(stay: ClientSubscription, sentThere: readonly SentEvent[]): void {
    const { settleMs = 1500, mayBeLost = () => false } = this.#options;
    const heard = new Set(stay.heard.map(({ number }) => number));
    for (const sent of sentThere) {
      const wasThere = sent.beganMs >= stay.sinceMs && sent.endedMs <= stay.untilMs - settleMs;
      if (!sent.isTaken || sent.except === stay.socket || !wasThere || this.#diedOnItsWay(sent, settleMs))
        continue;
      this.#expected += 1;
      if (heard.has(sent.number) || mayBeLost(sent, stay)) continue;
      if (this.#isByFault(sent, stay)) this.#lostInFaults += 1;
      else if (this.#isOutrun(sent, stay)) this.#outrun += 1;
      else this.#findings.add('lost', `${who(stay)} never heard ${named(sent)}${this.#senderOf(sent)}`);
    }
  }

  #senderOf({ kind, except, channel }: SentEvent): string {
    if (kind === 'event') return '';
    const stay = this.#log.stays.find((each) => each.socket === except && each.channel === channel);
    return `, whose sender was there since ${stay?.sinceMs.toFixed(0) ?? 'never'}`;
  }

  /** A whisper may still be on its way to the server when the whisperer's socket ends. */
  #diedOnItsWay({ kind, except, endedMs }: SentEvent, settleMs: number): boolean {
    if (kind === 'event') return false;
    const end = this.#ends.get(except ?? '') ?? Infinity;
    return endedMs > end - settleMs;
  }

  #arrived(side: Side, { number, atMs }: ReceivedEvent): void {
    const key = `${number} ${side}`;
    this.#arrivals.set(key, Math.min(atMs, this.#arrivals.get(key) ?? Infinity));
  }

  /** It had come to nobody of this side when the listener left it, or to nobody at all when the whisperer left. */
  #isOutrun({ number, kind, except, endedMs }: SentEvent, { side, untilMs }: ClientSubscription): boolean {
    const arrivedMs = this.#arrivals.get(`${number} ${side}`) ?? Infinity;
    if (arrivedMs >= untilMs && untilMs - endedMs < LONGEST_CROSSING_MS) return true;
    const isHeard = SIDES.some((each) => this.#arrivals.has(`${number} ${each}`));
    const whispererLeftMs = (kind === 'whisper' ? this.#ends.get(except ?? '') : undefined) ?? Infinity;
    return !isHeard && whispererLeftMs - endedMs < LONGEST_CROSSING_MS;
  }

  #isByFault(sent: SentEvent, stay: ClientSubscription): boolean {
    const { faultMs = 0 } = this.#options;
    return this.#log.faults.some(
      ({ beganMs, endedMs, mayLose }) =>
        sent.endedMs >= beganMs - faultMs && sent.beganMs <= endedMs + faultMs && mayLose(sent, stay),
    );
  }

  /** Finds members that join twice, or leave without being there. */
  #news(stay: ClientSubscription): void {
    if (stay.roster === undefined) return;
    const there = new Set(stay.roster);
    for (const { user, kind, atMs } of stay.news) {
      if (there.has(user) === (kind === 'added'))
        this.#findings.add(
          'flickered',
          `${who(stay)} was told at ${atMs.toFixed(0)} ms that ${user} was ${kind}`,
        );
      if (kind === 'added') there.add(user);
      else there.delete(user);
    }
  }

  /** In the end everybody who is there, and every server, has the same people on the list: those who are. */
  #rosters(): void {
    const open = this.#log.stays.filter(({ untilMs, user }) => untilMs === Infinity && user !== undefined);
    const truths = new Map(
      [...groupBy(open, ({ channel }) => channel)].map(([channel, stays]) => [
        channel,
        [...new Set(stays.map(({ user }) => user ?? ''))].sort(),
      ]),
    );
    for (const stay of open) this.#roster(who(stay), rosterOf(stay), truths.get(stay.channel) ?? []);
    for (const { by, channel, users } of this.#log.claims)
      this.#roster(`${by} for ${channel}`, [...users].sort(), truths.get(channel) ?? []);
  }

  #roster(whose: string, users: readonly string[], truth: readonly string[]): void {
    const missing = truth.filter((user) => !users.includes(user));
    const extra = users.filter((user) => !truth.includes(user));
    const twice = users.filter((user, at) => users.indexOf(user) !== at);
    if (missing.length + extra.length + twice.length > 0)
      this.#findings.add(
        'rosters',
        `${whose}: misses ${missing.join() || 'nobody'}, has ${extra.join() || 'nobody'} who is not there, twice ${twice.join() || 'nobody'}`,
      );
  }
}

/** PHP turns `{}` inside of whispers into `[]`, which the other side cannot be blamed for here. */
const isSameToPhp = (data: unknown, number: number, channel: string): boolean => {
  const content = contentOf(number, channel);
  return isDeepStrictEqual(data, { ...content, nested: { ...content.nested, empty: [] } });
};

/** Members, as one client received them. */
const rosterOf = ({ roster = [], news }: ClientSubscription): string[] => {
  const there = new Set(roster);
  for (const { user, kind } of news) {
    if (kind === 'added') there.add(user);
    else there.delete(user);
  }
  return [...there].sort();
};
