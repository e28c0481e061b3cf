import type { RefusalFacts, RequestFacts } from '../facts.ts';
import type { FollowedPart, TraceFacts } from '../look-up.ts';
import { addUp, deliveredFindings, missedFindings } from './delivered.ts';
import { type Finding, finding } from './finding.ts';
import { nobodyFindings } from './nobody.ts';
import { nothingFindings } from './nothing.ts';
import { clientEventFindings, clientFindings, cutFindings } from './clients.ts';
import { processFindings } from './processes.ts';
import { outcomeFinding, publisherFindings } from './refused.ts';
import { counted, duration, named, sumOf, timeOf } from './words.ts';

/** Story of a part: the event, the channel, and what became of it. */
interface PartStory {
  readonly place: number;
  readonly event: string;
  readonly channel: string;
  readonly findings: readonly Finding[];
}

/** Story of what was asked for. */
export interface Story {
  /** The request, in one sentence; `undefined`: none was found. */
  readonly received: string | undefined;
  readonly parts: readonly PartStory[];
  /** Findings that are of no part. */
  readonly findings: readonly Finding[];
}

/** Tells what became of a request, or why there is none (SPEC 16.5). */
export function storyOf(facts: TraceFacts): Story {
  const { request, parts } = facts;
  return {
    received: request && received(request, facts),
    parts: request?.outcome.status === 200 ? parts.map((each) => partStory(each, request, facts)) : [],
    findings: [...generalFindings(facts), ...processFindings(facts)],
  };
}

function received(request: RequestFacts, { receivedBy }: TraceFacts): string {
  const { atMs, address, agent, socket, parts, partCount, tookMs, outcome } = request;
  const who = socket === undefined ? (agent ?? 'no name of a library') : `client event of socket ${socket}`;
  const [first] = parts;
  const channels = [...new Set(parts.map(({ channel }) => channel))];
  const what =
    first === undefined
      ? 'for no channel that could be read'
      : `${first.event === '' ? '' : `${named(first.event)} `}for ${channels.slice(0, 3).map(named).join(', ')}`;
  const more = partCount > 1 ? ` (${counted(partCount, 'event')} and channels)` : '';
  const end = outcome.status === 200 ? `, taken in ${duration(tookMs)}` : '';
  return `received ${timeOf(atMs)} from ${address} (${who}) on ${receivedBy ?? 'this server'}: ${what}${more}${end}`;
}

function partStory(followed: FollowedPart, request: RequestFacts, facts: TraceFacts): PartStory {
  const { place, event, channel } = followed.part;
  return { place, event, channel, findings: partFindings(followed, request, facts) };
}

function partFindings(followed: FollowedPart, request: RequestFacts, facts: TraceFacts): Finding[] {
  const { part, places } = followed;
  if (part.fingerprint === undefined)
    return [finding('not_published', 'not published: the request repeats one with the same idempotency key')];
  const missed = missedFindings(followed, request);
  if (addUp(followed).isNoted) return [...deliveredFindings(followed, request), ...missed];
  const isEmpty = sumOf(places, ({ subscribers }) => subscribers) === 0;
  const findings = isEmpty ? nobodyFindings(followed, request, facts) : missed;
  const refused = clientFindings(refusalsIn(facts), part.channel);
  const isRefused = refused.some(({ cause }) => cause === 'subscription_refused');
  return [...findings.filter(({ cause }) => !isRefused || cause !== 'check_subscription'), ...refused];
}

const refusalsIn = ({ found }: TraceFacts): readonly RefusalFacts[] => found.flatMap((each) => each.refusals);

function generalFindings(facts: TraceFacts): Finding[] {
  const { request, query, found } = facts;
  const refusals = refusalsIn(facts);
  if (request !== undefined)
    return [
      ...outcomeFinding(request.outcome),
      ...cutFindings(refusals, request.atMs),
      ...(query.channel === undefined ? [] : clientEventFindings(refusals, query.channel, request.atMs)),
    ];
  if (query.id !== undefined) return nothingFindings(facts);
  const published = Math.max(0, ...found.map(({ publishedAtMs }) => publishedAtMs ?? 0));
  return [
    ...nothingFindings(facts),
    ...publisherFindings(refusals, published),
    ...clientFindings(refusals, query.channel),
    ...cutFindings(refusals, 0),
    ...clientEventFindings(refusals, query.channel, 0),
  ];
}
