import type { TraceFacts } from '../look-up.ts';
import { type Finding, finding } from './finding.ts';
import { duration, latest, named } from './words.ts';

/** Processes that are named; of all there is the number. */
const MOST_NAMED = 3;
/** Without an event, a process that has run for less is worth a word. */
const LATELY_MS = 15 * 60_000;

/** Findings about processes that gave no answer, or cannot know all of it. */
export function processFindings({ silent, isComplete, ...facts }: TraceFacts): Finding[] {
  const silence = 'it has died, is overloaded, or is of a version without a trace';
  const away = 'Redis cannot be reached: the other nodes could not be asked, and get no events';
  return [
    ...newProcesses(facts),
    ...silent.map((node) => finding('silent_node', `node ${named(node)} gave no answer: ${silence}`)),
    ...(isComplete ? [] : [finding('redis_away', away)]),
  ];
}

/** A process that ends takes what it kept with it, also when another one replaces it. */
function newProcesses({
  found,
  request,
  query,
  nowMs,
}: Omit<TraceFacts, 'silent' | 'isComplete'>): Finding[] {
  const sinceMs = request?.atMs ?? nowMs - LATELY_MS;
  const started = found.filter(({ startedAtMs }) => startedAtMs > sinceMs);
  const startedAtMs = latest(started.map((each) => each.startedAtMs));
  const isNeeded = request !== undefined || query.id !== undefined || hasPublished(found);
  if (startedAtMs === undefined || !isNeeded) return [];
  const names = started.slice(0, MOST_NAMED).map(({ label }) => label);
  const more = started.length - names.length;
  const who = `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  const when =
    request === undefined
      ? `started ${duration(nowMs - startedAtMs)} ago`
      : `started ${duration(startedAtMs - request.atMs)} after the event`;
  return [finding('new_process', `${who} ${when}: what a process before it did is no longer known`)];
}

/** False: it is said already that nothing was published since the start. */
const hasPublished = (found: TraceFacts['found']): boolean =>
  found.some(({ publishedAtMs }) => publishedAtMs !== undefined);
