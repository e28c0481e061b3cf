import type {
  FollowedFacts,
  FoundFacts,
  PartFacts,
  RequestFacts,
  TraceQuery,
  TraceQuestion,
  WantedDelivery,
} from './facts.ts';

/** Time after a request in which its deliveries are looked for. */
const SEARCH_MS = 10_000;
/** An equal event that follows sooner ends no search: both have the same story. */
const LEAST_SEARCH_MS = 250;

/** Characters of the parts of one question, and of a part without its channel. */
const MOST_CHARS = 7000;
const PART_CHARS = 110;

/** Answers of all processes that gave one. */
export interface Asked<Facts> {
  readonly answers: readonly Facts[];
  /** Nodes that gave none. */
  readonly silent: readonly string[];
  /** False: other nodes could not be asked. */
  readonly isComplete: boolean;
}

/** Asks all processes of the cluster. */
export interface AskAll {
  (question: Extract<TraceQuestion, { type: 'find' }>): Promise<Asked<FoundFacts>>;
  (question: Extract<TraceQuestion, { type: 'follow' }>): Promise<Asked<FollowedFacts>>;
}

/** A part of the request, as every process knows it. */
export interface FollowedPart {
  readonly part: PartFacts;
  readonly places: readonly Place[];
}

/** The channel of a part on one process. */
export type Place = FollowedFacts['channels'][number] & {
  readonly label: string;
  readonly connections: number;
  readonly keptSinceMs: number;
};

/** All that is known, for the story. */
export interface TraceFacts {
  readonly nowMs: number;
  readonly query: TraceQuery;
  /** The app of the question, or of the request. */
  readonly app: string | undefined;
  readonly request: RequestFacts | undefined;
  /** Process that received it. */
  readonly receivedBy: string | undefined;
  /** Further requests that fit, the newest first. */
  readonly others: readonly RequestFacts[];
  /** Of the request; without one, of the channel that is asked for. */
  readonly parts: readonly FollowedPart[];
  readonly found: readonly FoundFacts[];
  readonly silent: readonly string[];
  readonly isComplete: boolean;
  /** False: this node is the only one that it knows. */
  readonly isCluster: boolean;
}

/** Looks for a request on all processes, then for its deliveries (SPEC 16.3). */
export async function lookUp(
  query: TraceQuery,
  askAll: AskAll,
  { onlyApp, ...known }: Pick<TraceFacts, 'nowMs' | 'isCluster'> & { readonly onlyApp: string | undefined },
): Promise<TraceFacts> {
  const found = await askAll({ type: 'find', query });
  const [newest, ...others] = found.answers
    .flatMap(({ requests, label }) => requests.map((request) => ({ request, label })))
    .sort((one, other) => other.request.atMs - one.request.atMs);
  const app = newest?.request.app ?? query.app ?? onlyApp;
  const parts = fittingIn(MOST_CHARS, newest?.request.parts ?? partsOf(query));
  const followed = await follow(askAll, app, parts, newest?.request, known.nowMs);
  return {
    ...{ ...known, query, app },
    request: newest?.request,
    receivedBy: newest?.label,
    others: others.map(({ request }) => request),
    parts: parts.map((part, at) => ({ part, places: placesOf(followed.answers, at) })),
    found: found.answers,
    silent: [...new Set([...found.silent, ...followed.silent])],
    isComplete: found.isComplete && followed.isComplete,
  };
}

const NOTHING: Asked<FollowedFacts> = { answers: [], silent: [], isComplete: true };

async function follow(
  askAll: AskAll,
  app: string | undefined,
  parts: readonly PartFacts[],
  request: RequestFacts | undefined,
  nowMs: number,
): Promise<Asked<FollowedFacts>> {
  if (app === undefined || parts.length === 0) return NOTHING;
  const source = request?.source === 'client' ? 'client' : 'publisher';
  const wanted = parts.map((part) => wantedOf(part, request?.atMs ?? nowMs));
  return askAll({ type: 'follow', app, source, wanted });
}

/** The first parts, as many as one question may name. */
function fittingIn(mostChars: number, parts: readonly PartFacts[]): readonly PartFacts[] {
  let chars = 0;
  return parts.filter(({ channel }) => (chars += channel.length + PART_CHARS) <= mostChars);
}

/** The channel that is asked for, as if something had been published to it. */
const partsOf = ({ channel }: TraceQuery): readonly PartFacts[] =>
  channel === undefined ? [] : [{ place: 0, event: '', channel }];

function wantedOf({ channel, fingerprint, repeatedAtMs }: PartFacts, atMs: number): WantedDelivery {
  const repeated = repeatedAtMs === undefined ? Infinity : Math.max(repeatedAtMs, atMs + LEAST_SEARCH_MS);
  return { channel, fingerprint, atMs, untilMs: Math.min(atMs + SEARCH_MS, repeated) };
}

const placesOf = (answers: readonly FollowedFacts[], at: number): Place[] =>
  answers.flatMap(({ channels, label, connections, keptSinceMs }) => {
    const channel = channels[at];
    return channel === undefined ? [] : [{ ...channel, label, connections, keptSinceMs }];
  });
