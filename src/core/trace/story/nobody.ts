import { kindOf } from '#protocol';
import type { RequestFacts } from '../facts.ts';
import type { FollowedPart, TraceFacts } from '../look-up.ts';
import { nearness } from '../near-names.ts';
import { type Cause, type Finding, finding } from './finding.ts';
import { counted, duration, latest, named, sumOf } from './words.ts';

const MOST_NEAR = 3;
/** Time before an event in which a subscriber that left is worth a word. */
const LATELY_MS = 15 * 60_000;

const HINTS: Readonly<Record<'prefix' | 'letter_case' | 'near_name', string>> = {
  prefix:
    'the prefix differs: PrivateChannel and Echo.private() put private- before the name, presence channels presence-',
  letter_case: 'names differ in upper and lower case',
  near_name: 'the names differ',
};

/** Findings about a channel without subscribers: where they are instead. */
export function nobodyFindings(
  followed: FollowedPart,
  request: RequestFacts,
  { isCluster }: Pick<TraceFacts, 'isCluster'>,
): Finding[] {
  const { channel } = followed.part;
  const user = /^#server-to-user-(.+)$/.exec(channel)?.[1];
  const head =
    user === undefined
      ? finding('no_subscribers', '0 subscribers')
      : finding('no_subscribers', `no connection is signed in as user ${named(user)}`);
  const elsewhere = [...leftFindings(followed, request), ...nearFindings(followed), ...otherApps(followed)];
  return [head, ...elsewhere, ...(elsewhere.length > 0 ? [] : absentClients(followed, isCluster))];
}

/** Findings about subscribers that were there until shortly before the event. */
export function leftFindings({ places }: FollowedPart, { atMs }: RequestFacts): Finding[] {
  const left = latest(places.map(({ leftAtMs }) => leftAtMs));
  if (left === undefined || atMs - left > LATELY_MS) return [];
  const when = `${duration(atMs - left)} before the event`;
  return [
    finding('left_before', `the last subscriber left ${when}: its connection closed, or it unsubscribed`),
  ];
}

function nearFindings({ part, places }: FollowedPart): Finding[] {
  const subscribers = new Map<string, number>();
  for (const { near } of places)
    for (const each of near)
      subscribers.set(each.channel, (subscribers.get(each.channel) ?? 0) + each.subscribers);
  return [...subscribers]
    .map(([channel, count]) => ({ channel, count, how: nearness(part.channel, channel) ?? 'near_name' }))
    .sort((one, other) => rank(one.how) - rank(other.how) || other.count - one.count)
    .slice(0, MOST_NEAR)
    .map(({ channel, count, how }) =>
      finding(how, `did you mean ${named(channel)} (${counted(count, 'subscriber')})? ${HINTS[how]}`),
    );
}

const RANKS: readonly Cause[] = ['prefix', 'letter_case', 'near_name'];
const rank = (cause: Cause): number => RANKS.indexOf(cause);

function otherApps({ places }: FollowedPart): Finding[] {
  const subscribers = new Map<string, number>();
  for (const { otherApps: others } of places)
    for (const each of others) subscribers.set(each.app, (subscribers.get(each.app) ?? 0) + each.subscribers);
  return [...subscribers].map(([app, count]) =>
    finding(
      'other_app',
      `${counted(count, 'subscriber')} on this channel of the app ${named(app)}: publisher and clients use different apps`,
    ),
  );
}

function absentClients({ part, places }: FollowedPart, isCluster: boolean): Finding[] {
  const clients = sumOf(places, ({ connections }) => connections);
  return [
    clients === 0
      ? finding('no_clients', 'no client of this app is connected: check the address and the key of the page')
      : finding(
          'check_subscription',
          `${counted(clients, 'client')} connected: ${notSubscribed(part.channel)}`,
        ),
    ...(isCluster
      ? []
      : [
          finding(
            'check_nodes',
            'this server knows no other node: if several run behind one address, set REVERB_SCALING_ENABLED=true and one Redis for all',
          ),
        ]),
  ];
}

/** Advice about clients that do not ask for the channel. */
function notSubscribed(channel: string): string {
  const { signed, encrypted } = kindOf(channel);
  if (!signed) return `none of them subscribes to ${named(channel)}; does the page, before the event?`;
  const secret = encrypted
    ? ' It also has to have the shared_secret (encryption_master_key_base64 in config/broadcasting.php).'
    : '';
  return `none of them subscribes to ${named(channel)}. Look at the answer of /broadcasting/auth in the browser: 403 comes from routes/channels.php, a missing session, or CSRF.${secret}`;
}
