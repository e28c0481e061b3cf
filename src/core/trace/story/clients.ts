import { REASONS } from '../../refusals/reasons.ts';
import type { RefusalFacts } from '../facts.ts';
import { type Cause, type Finding, finding } from './finding.ts';
import { counted, named, timeOf } from './words.ts';

/** Causes of what is refused to clients, by the reason of the refusal; of any other reason, the client itself was refused. */
const CAUSES: Readonly<Record<string, Cause | undefined>> = {
  channel_signature: 'subscription_refused',
  channel_rule: 'subscription_refused',
  channel_name: 'subscription_refused',
  channel_limit: 'subscription_refused',
  channel_failed: 'subscription_refused',
  token: 'subscription_refused',
  client_event: 'client_event_refused',
  client_event_rate: 'client_event_refused',
  message_size: 'client_event_refused',
  slow_reader: 'slow_reader',
  unknown_app: 'client_key',
  origin: 'client_origin',
};

/** Refusals of clients for these causes, with the cause of each. */
function* refusalsFor(
  refusals: readonly RefusalFacts[],
  causes: readonly Cause[],
): Iterable<RefusalFacts & { readonly cause: Cause }> {
  for (const refusal of refusals) {
    if (refusal.example.path !== undefined) continue;
    const cause = (Object.hasOwn(CAUSES, refusal.reason) && CAUSES[refusal.reason]) || 'client_refused';
    if (causes.includes(cause)) yield { ...refusal, cause };
  }
}

const OF_CLIENTS: readonly Cause[] = [
  'subscription_refused',
  'client_key',
  'client_origin',
  'client_refused',
];

/** Findings about clients that were refused, and about subscriptions to the channel. */
export const clientFindings = (refusals: readonly RefusalFacts[], channel: string | undefined): Finding[] =>
  [...refusalsFor(refusals, OF_CLIENTS)].flatMap(({ cause, ...refusal }) => {
    if (cause !== 'subscription_refused') return [clientFinding(cause, refusal)];
    return isFor(refusal, channel) ? [subscriptionFinding(refusal)] : [];
  });

/** Findings about client events to the channel that were refused since a time. */
export const clientEventFindings = (
  refusals: readonly RefusalFacts[],
  channel: string | undefined,
  sinceMs: number,
): Finding[] =>
  [...refusalsFor(refusals, ['client_event_refused'])]
    .filter((refusal) => refusal.lastMs >= sinceMs && isFor(refusal, channel))
    .map(clientEventFinding);

/** Findings about sockets that were closed since a time because they did not read. */
export const cutFindings = (refusals: readonly RefusalFacts[], sinceMs: number): Finding[] =>
  [...refusalsFor(refusals, ['slow_reader'])]
    .filter(({ lastMs }) => lastMs >= sinceMs)
    .map((refusal) => {
      const who = `${counted(refusal.count, 'connection')} closed`;
      const why = 'what it was sent was not read, and filled WAVEHALL_MAX_BUFFER_SIZE';
      return finding(
        'slow_reader',
        `${who}, the last at ${timeOf(refusal.lastMs)}, ${socketOf(refusal)}: ${why}`,
      );
    });

/** True when the refusal is of this channel, or of none that is known. */
const isFor = ({ example }: RefusalFacts, channel: string | undefined): boolean =>
  example.channel === undefined || channel === undefined || example.channel === channel;

function subscriptionFinding({ reason, count, lastMs, example }: RefusalFacts): Finding {
  const where = example.channel === undefined ? '' : ` to ${named(String(example.channel))}`;
  const advice =
    reason === 'channel_signature'
      ? 'the signature is wrong (the route /broadcasting/auth, REVERB_APP_SECRET), or channel_data is missing'
      : wordsOf(reason);
  return finding(
    'subscription_refused',
    `${counted(count, 'subscription')}${where} refused (${reason}), the last at ${timeOf(lastMs)}: ${advice}`,
  );
}

function clientEventFinding({ reason, count, lastMs, example }: RefusalFacts): Finding {
  const where = example.channel === undefined ? '' : ` to ${named(String(example.channel))}`;
  const last = `the last at ${timeOf(lastMs)}, ${socketOf({ example })}`;
  const why = example.why === undefined ? wordsOf(reason) : String(example.why);
  return finding(
    'client_event_refused',
    `${counted(count, 'client event')}${where} refused (${reason}), ${last}: ${why}`,
  );
}

function clientFinding(cause: Cause, { reason, count, lastMs, example }: RefusalFacts): Finding {
  const head = `${counted(count, 'client')} refused, the last at ${timeOf(lastMs)} from ${String(example.address ?? '?')}`;
  if (cause === 'client_key')
    return finding(
      cause,
      `${head}: no app has the key ${named(String(example.key ?? ''))} (VITE_REVERB_APP_KEY)`,
    );
  if (cause === 'client_origin')
    return finding(
      cause,
      `${head}: the origin ${named(String(example.origin ?? 'none'))} is not allowed (REVERB_ALLOWED_ORIGINS)`,
    );
  return finding(cause, `${head} (${reason}): ${wordsOf(reason)}`);
}

function socketOf({ example }: Pick<RefusalFacts, 'example'>): string {
  const address = `from ${String(example.address ?? '?')}`;
  return example.socket === undefined ? address : `socket ${String(example.socket)} ${address}`;
}

/** The sentence of the log about a reason, without what was refused. */
function wordsOf(reason: string): string {
  const words = Object.hasOwn(REASONS, reason) ? REASONS[reason as keyof typeof REASONS] : reason;
  return words.replace(/^[^:]+: /, '');
}
