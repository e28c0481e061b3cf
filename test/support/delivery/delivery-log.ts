/** One event or client event that was sent. */
export interface SentEvent {
  readonly number: number;
  readonly kind: 'event' | 'clientEvent';
  readonly channel: string;
  readonly data: unknown;
  /** Server that it was sent to. */
  readonly server: string;
  /** Sender whose events have to keep their order; `position` counts within it. */
  readonly sender?: string | undefined;
  readonly position: number;
  readonly beganMs: number;
  /** `Infinity` until it is answered. */
  endedMs: number;
  /** HTTP status of the answer; 0 without one. Client events have no answer and count as 200. */
  status: number;
  /** Socket that must not receive it: the one in `socket_id`, or the sender's own for a client event. */
  readonly except?: string | undefined;
  /** Sender's user of a client event on a presence channel. */
  readonly user?: string | undefined;
}

export interface ReceivedEvent {
  readonly number: number;
  readonly atMs: number;
  readonly data: unknown;
  readonly user?: string | undefined;
}

/** Join or leave on a presence channel, received after the roster. */
export interface MemberChange {
  readonly user: string;
  readonly kind: 'added' | 'removed';
  readonly atMs: number;
}

/** One subscription of one socket, from its confirmation to its end. */
export interface ClientSubscription {
  readonly client: string;
  /** User of the member; presence channels only. */
  readonly user?: string | undefined;
  readonly socket: string;
  /** Server that serves the socket. */
  readonly server: string;
  readonly channel: string;
  /** `Infinity` until it is confirmed. */
  sinceMs: number;
  /** `Infinity` while it lasts. */
  untilMs: number;
  readonly received: ReceivedEvent[];
  /** Roster of the confirmation; presence channels only. */
  roster?: readonly string[] | undefined;
  readonly memberChanges: MemberChange[];
}

/** Members of a presence channel as a server or another source reports them. */
export interface ReportedRoster {
  readonly by: string;
  readonly channel: string;
  readonly users: readonly string[];
}

/** Another value that a server reports, and the value according to the open sockets. */
export interface ReportedCount {
  readonly what: string;
  readonly value: unknown;
  readonly expected: unknown;
}

/** Injected fault, and the events that it may lose according to the docs. */
export interface Fault {
  readonly what: string;
  readonly mayLose: (sent: SentEvent, subscription: ClientSubscription) => boolean;
  readonly beganMs: number;
  readonly endedMs: number;
}

/** All that was sent, received and reported. */
export interface DeliveryLog {
  readonly sent: SentEvent[];
  readonly subscriptions: ClientSubscription[];
  readonly rosters: ReportedRoster[];
  readonly counts: ReportedCount[];
  readonly faults: Fault[];
}

export const emptyLog = (): DeliveryLog => ({
  sent: [],
  subscriptions: [],
  rosters: [],
  counts: [],
  faults: [],
});

/** Data that all JSON encoders on the path must preserve: Unicode, quotes, nesting, an empty object. */
export const contentOf = (number: number, channel: string) => ({
  number,
  channel,
  text: 'é / "quoted" <b> \u2028 🙂',
  nested: { list: [1, 'two', null], empty: {} },
});

/** Changes that apply to the roster: those after the confirmation. */
const effectiveChanges = ({ sinceMs, memberChanges }: ClientSubscription): readonly MemberChange[] =>
  memberChanges.filter(({ atMs }) => atMs >= sinceMs);

/** Changes that contradict the roster at their time: a member that joins twice, or leaves without being there. */
export function contradictionsOf(subscription: ClientSubscription): MemberChange[] {
  const present = new Set(subscription.roster);
  return effectiveChanges(subscription).filter(({ user, kind }) => {
    const contradicts = present.has(user) === (kind === 'added');
    if (kind === 'added') present.add(user);
    else present.delete(user);
    return contradicts;
  });
}

/** Members according to one client: its roster and the changes after it. */
export function rosterOf(subscription: ClientSubscription): string[] {
  const present = new Set(subscription.roster);
  for (const { user, kind } of effectiveChanges(subscription)) {
    if (kind === 'added') present.add(user);
    else present.delete(user);
  }
  return [...present].sort();
}

/** Number of joins and leaves that one client received, by user. */
export function changesByUser({ memberChanges }: ClientSubscription): Map<string, number> {
  const times = new Map<string, number>();
  for (const { user } of memberChanges) times.set(user, (times.get(user) ?? 0) + 1);
  return times;
}

/** Groups in the order of their first items. */
export const groupBy = <T>(all: readonly T[], keyOf: (each: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const each of all) {
    const key = keyOf(each);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [each]);
    else group.push(each);
  }
  return groups;
};
