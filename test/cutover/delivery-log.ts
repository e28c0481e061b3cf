import type { Side } from '../../src/cutover/ports.ts';

/** One event or whisper that somebody sent. */
export interface SentEvent {
  readonly number: number;
  /** Sender whose events have an order; `place` counts within it. */
  readonly lane: string;
  readonly place: number;
  readonly channel: string;
  readonly kind: 'event' | 'whisper';
  readonly at: Side;
  readonly beganMs: number;
  endedMs: number;
  /** The server has said yes. A whisper is never answered: it counts as taken. */
  isTaken: boolean;
  /** The socket that must not get it: the one that was named, or the whisperer's own. */
  readonly except?: string | undefined;
  /** The user that a whisper on a presence channel comes from. */
  readonly user?: string | undefined;
}

export interface ReceivedEvent {
  readonly number: number;
  readonly atMs: number;
  readonly data: unknown;
  readonly user?: string | undefined;
}

/** Change of a presence channel after its roster. */
export interface MemberChange {
  readonly user: string;
  readonly kind: 'added' | 'removed';
  readonly atMs: number;
}

/** One subscription of one socket, from its confirmation to its end. */
export interface ClientSubscription {
  readonly client: string;
  /** The member that it is, on presence channels. */
  readonly user?: string | undefined;
  readonly socket: string;
  readonly side: Side;
  readonly channel: string;
  readonly sinceMs: number;
  /** `Infinity` while it lasts. */
  untilMs: number;
  readonly heard: ReceivedEvent[];
  /** The roster that came with the confirmation; presence channels only. */
  readonly roster?: readonly string[] | undefined;
  readonly news: MemberChange[];
}

/** State of a presence channel as a server, or another source, reports it. */
export interface Claim {
  readonly by: string;
  readonly channel: string;
  readonly users: readonly string[];
}

/** A time in which something was broken on purpose, and what it may cost by what is documented. */
export interface Fault {
  readonly what: string;
  readonly mayLose: (sent: SentEvent, stay: ClientSubscription) => boolean;
  readonly beganMs: number;
  readonly endedMs: number;
}

/** Everything that was sent, heard and told. */
export interface DeliveryLog {
  readonly sent: SentEvent[];
  readonly stays: ClientSubscription[];
  readonly claims: Claim[];
  readonly faults: Fault[];
}

export const emptyLog = (): DeliveryLog => ({ sent: [], stays: [], claims: [], faults: [] });

/** Content of every event and client event. */
export const contentOf = (number: number, channel: string) => ({
  number,
  channel,
  text: 'é / "quoted" <b> \u2028 🙂',
  nested: { list: [1, 'two', null], empty: {} },
});

/** In order of the first of each group. */
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
