import type { RequestFacts } from '../facts.ts';
import type { FollowedPart, TraceFacts } from '../look-up.ts';
import { addUp, deliveredFindings, missedFindings } from './delivered.ts';
import { type Finding, finding } from './finding.ts';
import { nobodyFindings } from './nobody.ts';
import { nothingFindings } from './nothing.ts';
import { clientFindings, outcomeFinding, publisherFindings } from './refused.ts';
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
    findings: [...generalFindings(facts), ...nodeFindings(facts)],
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
  if (part.digest === undefined)
    return [finding('not_published', 'not published: the request repeats one with the same idempotency key')];
  const missed = missedFindings(followed, request);
  if (addUp(followed).isNoted) return [...deliveredFindings(followed, request), ...missed];
  const isEmpty = sumOf(places, ({ subscribers }) => subscribers) === 0;
  const findings = isEmpty ? nobodyFindings(followed, facts) : missed;
  const refusals = facts.found.flatMap((each) => each.refusals);
  return [...findings, ...clientFindings(refusals, part.channel)];
}

function generalFindings(facts: TraceFacts): Finding[] {
  const { request, query, found } = facts;
  const refusals = found.flatMap((each) => each.refusals);
  if (request !== undefined) return outcomeFinding(request.outcome);
  if (query.id !== undefined) return nothingFindings(facts);
  const published = Math.max(0, ...found.map(({ publishedAtMs }) => publishedAtMs ?? 0));
  return [
    ...nothingFindings(facts),
    ...publisherFindings(refusals, published),
    ...clientFindings(refusals, query.channel),
  ];
}

function nodeFindings({ silent, isComplete }: TraceFacts): Finding[] {
  return [
    ...silent.map((node) =>
      finding(
        'silent_node',
        `node ${node} gave no answer: it has died, is overloaded, or is of a version without a trace`,
      ),
    ),
    ...(isComplete
      ? []
      : [
          finding(
            'redis_away',
            'Redis cannot be reached: the other nodes could not be asked, and get no events',
          ),
        ]),
  ];
}
