import type { TraceFacts } from '../look-up.ts';
import { type Finding, finding } from './finding.ts';
import { counted, duration, earliest, latest, named, sumOf, timeOf } from './words.ts';

/** Findings when no request is found. */
export function nothingFindings(facts: TraceFacts): Finding[] {
  if (facts.query.id !== undefined) return [missingId(facts, facts.query.id)];
  return [...absence(facts), ...otherChannels(facts)];
}

function missingId({ found }: TraceFacts, id: string): Finding {
  const giver = found.find(({ process }) => id.startsWith(`${process}-`));
  if (giver === undefined)
    return finding(
      'unknown_id',
      `no process of this server or its cluster gave the id ${named(id)}: it is of another server, or of a process that has ended`,
    );
  const since =
    giver.oldestAtMs === undefined
      ? 'nothing is kept there'
      : `the oldest one there is of ${timeOf(giver.oldestAtMs)}`;
  return finding(
    'not_kept',
    `${giver.label} gave the id ${named(id)}, and does not keep it any more: ${since} (WAVEHALL_TRACE_BYTES)`,
  );
}

function absence({ app, nowMs, found, query, parts }: TraceFacts): Finding[] {
  const published = latest(found.map(({ publishedAtMs }) => publishedAtMs));
  const started = earliest(found.map(({ startedAtMs }) => startedAtMs)) ?? nowMs;
  const what = app === undefined ? 'any app' : `the app ${named(app)}`;
  const subscribers = sumOf(parts[0]?.places ?? [], (place) => place.subscribers);
  const there =
    query.channel === undefined ? '' : ` (${counted(subscribers, 'subscriber')} on ${named(query.channel)})`;
  if (query.channel !== undefined && published !== undefined)
    return [
      finding(
        'nothing_published',
        `nothing published to ${named(query.channel)} that is kept${there}; the last event of ${what} was at ${timeOf(published)}, ${duration(nowMs - published)} ago`,
      ),
    ];
  const since =
    published === undefined
      ? `since this server started ${duration(nowMs - started)} ago`
      : `for ${duration(nowMs - published)}`;
  return [finding('nothing_published', `nothing published to ${what} ${since}${there}`), publisherHint()];
}

const publisherHint = (): Finding =>
  finding(
    'check_publisher',
    'check in Laravel: BROADCAST_CONNECTION, a running queue:work that was restarted after the last change of .env, config:clear, and REVERB_HOST, REVERB_PORT and REVERB_SCHEME; a proxy has to pass /apps on. `wavehall doctor --laravel PATH` checks all of it',
  );

function otherChannels({ found }: TraceFacts): Finding[] {
  const names = new Map<string, number>();
  for (const { publishedNear } of found)
    for (const { channel, atMs } of publishedNear)
      names.set(channel, Math.max(atMs, names.get(channel) ?? 0));
  return [...names].map(([channel, atMs]) =>
    finding('other_channel', `published to ${named(channel)} at ${timeOf(atMs)}: did you mean that channel?`),
  );
}
