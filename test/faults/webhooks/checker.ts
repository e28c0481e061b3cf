/** One thing that happened on a channel, and that an endpoint has to be told. */
export interface Happening {
  readonly channel: string;
  readonly name: string;
  readonly user?: string | undefined;
}

/** One request with one event, in the order in which requests reached the receiver. */
export interface Arrival {
  readonly delivery: string;
  readonly event: Happening;
  /** `none`: it was refused, or never looked at. `unsure`: it was accepted, and the sender may not know. */
  readonly accepted: 'sure' | 'unsure' | 'none';
}

export interface Verdict {
  readonly events: number;
  /** Events that were accepted, each once. */
  readonly arrived: number;
  readonly missing: readonly string[];
  readonly invented: readonly string[];
  /** Events that were accepted again. */
  readonly duplicates: number;
  /** Those among them whose acceptance the sender had received. */
  readonly needless: readonly string[];
  readonly outOfOrder: readonly string[];
}

/** Compares what happened, in the order of each channel, with what arrived (SPEC 9.6). */
export function checkDeliveries(happened: readonly Happening[], arrivals: readonly Arrival[]): Verdict {
  const accepted = arrivals.filter((each) => each.accepted !== 'none');
  const seen = new Set<string>();
  const first = accepted.filter(({ delivery }) => !seen.has(delivery) && seen.add(delivery));
  const due = numbered(happened);
  const came = numbered(first.map(({ event }) => event));
  return {
    events: happened.length,
    arrived: first.length,
    missing: [...due.keys()].filter((each) => !came.has(each)),
    invented: [...came.keys()].filter((each) => !due.has(each)),
    duplicates: accepted.length - first.length,
    needless: needlessIn(accepted),
    outOfOrder: outOfOrderIn(due, came),
  };
}

/** Texts of events, unlike each other by how often the same happened before, with their channel and place. */
function numbered(events: readonly Happening[]): Map<string, { channel: string; at: number }> {
  const times = new Map<string, number>();
  return new Map(
    events.map(({ channel, name, user = '' }, at) => {
      const text = `${channel} ${name} ${user}`;
      const time = (times.get(text) ?? 0) + 1;
      times.set(text, time);
      return [`${text} #${time}`, { channel, at }];
    }),
  );
}

function needlessIn(accepted: readonly Arrival[]): string[] {
  const sure = new Set<string>();
  return accepted.flatMap(({ delivery, accepted: how }) => {
    const isNeedless = sure.has(delivery);
    if (how === 'sure') sure.add(delivery);
    return isNeedless ? [delivery] : [];
  });
}

/** Events that came after one of their channel that had happened later. */
function outOfOrderIn(
  due: ReadonlyMap<string, { readonly at: number }>,
  came: ReadonlyMap<string, { readonly channel: string }>,
): string[] {
  const latest = new Map<string, number>();
  return [...came].flatMap(([text, { channel }]) => {
    const at = due.get(text)?.at ?? Infinity;
    if (at === Infinity) return [];
    const isLate = at < (latest.get(channel) ?? -1);
    latest.set(channel, Math.max(at, latest.get(channel) ?? -1));
    return isLate ? [text] : [];
  });
}
