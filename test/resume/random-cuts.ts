import { sleep } from '../../src/core/util/time.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { eventually } from '../support/wire.ts';
import type { ClientLink } from './client-link.ts';
import type { NumberedClient } from './numbered-client.ts';

/** How a connection ends, and how often of 100. */
const KINDS = {
  /** Both ends are told, at any moment. */
  cut: 24,
  /** In the middle of what the server sends: of a frame, of a replay. */
  inFrame: 20,
  /** In the middle of what the client sends. */
  inRequest: 6,
  /** The next connection ends, too, before or soon after its subscriptions. */
  twice: 20,
  /** The server does not notice until later. */
  unseen: 12,
  /** The client closes the connection. */
  close: 14,
  /** The client stays away for longer than events are kept. */
  tooLong: 4,
} as const;
type Kind = keyof typeof KINDS;

const PLACE_STORED_MS = 1000;
/** A client waits for 15 s after a connection that was refused. */
const RETURN_MS = 60_000;

export interface CutOptions {
  readonly random: SeededRandom;
  /** The longest time for which a connection lasts. */
  readonly lifeMs: number;
  /** Time after which more is missed than is kept. */
  readonly tooLongMs: number;
  readonly isDone: () => boolean;
}

/** Cuts the connection of one client over and over. */
export async function cutAtRandom(
  client: NumberedClient,
  link: ClientLink,
  options: CutOptions,
): Promise<void> {
  const { random, lifeMs, isDone } = options;
  link.onCut = (isSeen) => client.lost(isSeen);
  // A new place is stored after a tenth of a second (SPEC 13.4).
  await sleep(PLACE_STORED_MS);
  while (!isDone()) {
    await sleep(random.next() ** 2 * lifeMs);
    const { reconnects } = client;
    const kind = random.pickWeighted<Kind>(KINDS);
    await cutOnce(client, link, kind, options);
    await eventually(
      () => client.isConnected && client.reconnects > reconnects,
      () => `${client.name} is back after ${kind}: ${client.pusher.connection.state}, ${link.description}`,
      RETURN_MS,
    );
    // Most connections live until their channels are subscribed, and some do not.
    if (random.is(0.8)) await subscribedOrLost(client);
  }
}

const subscribedOrLost = (client: NumberedClient): Promise<void> =>
  eventually(() => client.isSubscribed || !client.isConnected, `${client.name} is subscribed`, RETURN_MS);

async function cutOnce(
  client: NumberedClient,
  link: ClientLink,
  kind: Kind,
  { random, tooLongMs }: CutOptions,
): Promise<void> {
  link.awayMs = random.is(0.5) ? 0 : random.below(800);
  if (kind === 'twice') link.nextLimit = { from: 'server', bytes: random.below(1500) };
  if (kind === 'tooLong') link.awayMs = tooLongMs;
  if (kind === 'close') return closeAndReturn(client, link, random);
  if (kind === 'unseen') for (const each of link.connections) each.cutUnseen(random.below(5000));
  else if (kind === 'inFrame')
    for (const each of link.connections) each.cutAfter({ from: 'server', bytes: random.below(400) });
  else if (kind === 'inRequest') cutRequest(link, random);
  else for (const each of link.connections) each.cut();
}

/** Ends in the middle of the requests with which the next connection subscribes. */
function cutRequest(link: ClientLink, random: SeededRandom): void {
  for (const each of link.connections) each.cut();
  link.nextLimit = { from: 'client', bytes: random.below(800) };
}

async function closeAndReturn(client: NumberedClient, link: ClientLink, random: SeededRandom): Promise<void> {
  link.cuts += 1;
  client.pusher.disconnect();
  await sleep(random.below(500));
  client.pusher.connect();
}
