import { kindOf } from '#protocol';
import type { DeliveryFacts, RequestFacts } from '../facts.ts';
import type { FollowedPart, Place } from '../look-up.ts';
import { type Finding, finding } from './finding.ts';
import { leftFindings } from './nobody.ts';
import { byPlace, counted, countedWere, duration, earliest, latest, sumOf } from './words.ts';

/** Time after an event in which a further subscriber is worth a word. */
const SOON_MS = 10_000;

/** The deliveries of a part, added up. */
export interface Delivered extends Omit<
  DeliveryFacts,
  'app' | 'channel' | 'fingerprint' | 'atMs' | 'offset'
> {
  /** False: no process notes a delivery. */
  readonly isNoted: boolean;
}

export function addUp({ places }: FollowedPart): Delivered {
  const all = places.flatMap(({ delivery }) => delivery ?? []);
  const sum = (name: keyof Omit<Delivered, 'isNoted'>): number => sumOf(all, (each) => each[name]);
  return {
    isNoted: all.length > 0,
    subscribers: sum('subscribers'),
    sockets: sum('sockets'),
    excluded: sum('excluded'),
    slow: sum('slow'),
    closing: sum('closing'),
    subscribing: sum('subscribing'),
  };
}

/** Findings about an event that reached subscribers: who got it, and who did not and why. */
export function deliveredFindings(followed: FollowedPart, request: RequestFacts): Finding[] {
  const counts = addUp(followed);
  const { sockets, subscribers } = counts;
  if (!counts.isNoted) return [];
  return [
    ...(sockets > 0 ? [gotIt(followed.places, sockets)] : []),
    ...exclusion(counts, followed),
    ...leftOut(counts),
    ...(sockets > 0 ? lateJoiner(followed, request) : []),
    ...(sockets > 0 && followed.part.except === undefined && subscribers > 0 ? hints(followed) : []),
  ];
}

const socketsOf = ({ delivery }: Place): number => delivery?.sockets ?? 0;

function gotIt(places: readonly Place[], sockets: number): Finding {
  const offset = places.find(({ delivery }) => delivery?.offset !== undefined)?.delivery?.offset;
  const position = offset === undefined ? '' : `, as event ${offset} of the channel`;
  return finding(
    'delivered',
    `${counted(sockets, 'socket')} got it (${byPlace(places, socketsOf)})${position}`,
  );
}

/** The sender of a client event is always left out. */
function exclusion({ excluded, sockets, subscribers }: Delivered, { part }: FollowedPart): Finding[] {
  if (excluded === 0) return [];
  const who = `socket ${part.except ?? ''}`;
  if (sockets === 0 && excluded >= subscribers)
    return [finding('sender_only', `excluded: the only subscriber is the sender (toOthers), ${who}`)];
  return [finding('excluded', `not sent to its sender (toOthers), ${who}`)];
}

function leftOut({ slow, closing, subscribing }: Delivered): Finding[] {
  const findings: Finding[] = [];
  if (slow > 0)
    findings.push(
      finding('slow', `left out for ${counted(slow, 'socket')} that read too slowly (a client event)`),
    );
  if (closing > 0)
    findings.push(finding('closing', `${countedWere(closing, 'socket')} closing and got nothing`));
  if (subscribing > 0)
    findings.push(
      finding('subscribing', `${countedWere(subscribing, 'socket')} still subscribing and got it afterwards`),
    );
  return findings;
}

function lateJoiner({ places }: FollowedPart, { atMs }: RequestFacts): Finding[] {
  const joined = latest(places.map(({ joinedAtMs }) => joinedAtMs));
  if (joined === undefined || joined <= atMs || joined - atMs > SOON_MS) return [];
  return [
    finding('subscribed_after', `a further client subscribed ${duration(joined - atMs)} after the event`),
  ];
}

function hints(followed: FollowedPart): Finding[] {
  if (!kindOf(followed.part.channel).encrypted) return [eventHint(followed)];
  const keys =
    'the publisher has to encrypt with the encryption_master_key_base64 that also makes the shared_secret of the auth endpoint';
  return [eventHint(followed), finding('check_encryption', `clients drop what they cannot decrypt: ${keys}`)];
}

/** Names of a client library: Echo puts the namespace of events before a name without a dot. */
function eventHint({ part: { event } }: FollowedPart): Finding {
  const listener = event.includes('\\')
    ? `Echo listens with .listen('${event.split('\\').at(-1) ?? ''}'), or .listen('.${event}')`
    : `Echo listens with .listen('.${event}'): without the dot it puts App\\Events before the name`;
  return finding('check_event', `if a page does not react, check the name that it listens to: ${listener}`);
}

/** Findings about processes that note no delivery: who came too late, and who should have got it. */
export function missedFindings(followed: FollowedPart, request: RequestFacts): Finding[] {
  const missed = followed.places.filter(
    ({ delivery, subscribers }) => delivery === undefined && subscribers > 0,
  );
  const present = missed.filter(({ occupiedAtMs = Infinity }) => occupiedAtMs <= request.atMs);
  if (present.length > 0) return present.map((place) => unnoted(place, request));
  const came = earliest(missed.map(({ occupiedAtMs }) => occupiedAtMs));
  if (came === undefined || addUp(followed).isNoted) return [];
  const late = `subscribed ${duration(came - request.atMs)} after the event`;
  return [
    ...leftFindings(followed, request),
    finding('subscribed_after', late),
    ...lastHint(followed.part.channel),
  ];
}

/** A place that had subscribers before the event and has no delivery of it. */
function unnoted({ label, waiting, keptSinceMs, subscribers }: Place, { atMs }: RequestFacts): Finding {
  const who = counted(subscribers, 'subscriber');
  if (waiting > 0)
    return finding(
      'waiting',
      `${counted(waiting, 'event')} wait on ${label} until they are written to ${who}`,
    );
  if (keptSinceMs > atMs)
    return finding(
      'not_kept',
      `deliveries of that time are no longer kept on ${label} (WAVEHALL_TRACE_BYTES)`,
    );
  return finding(
    'not_received',
    `${label} had ${who} before the event and notes no delivery: ask again in a moment, then look at Redis (wavehall status, wavehall_messages_lost_total)`,
  );
}

const lastHint = (channel: string): Finding[] =>
  kindOf(channel).cached
    ? []
    : [
        finding(
          'check_last',
          'this channel keeps no last event for those who come later: load the state after subscribing, or use a cache- channel',
        ),
      ];
