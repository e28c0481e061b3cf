/** Connections that end at random points under load: what follows is the exact sequence, or a gap that is told (SPEC 13). */
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../support/seeded-random.ts';
import { eventually } from '../support/wire.ts';
import { ClientLink } from './client-link.ts';
import { NumberedClient } from './numbered-client.ts';
import { NumberedPublisher } from './numbered-publisher.ts';
import { cutAtRandom } from './random-cuts.ts';
import { noCounts, type Promised, type SequenceCounts, totalOf } from './sequence-checker.ts';
import { type Site, startOne, startThree } from './sites.ts';

/** `npm run faults -- --cuts 100000` sets these. */
const CUTS = Number(process.env.RESUME_CUTS ?? 600);
const SEED = Number(process.env.FAULT_SEED ?? 1);
const CLIENTS = Number(process.env.RESUME_CLIENTS ?? 64);
const LIMIT_MS = 300_000 + CUTS * 100;
const SETTLE_MS = 60_000;

const CHANNELS = ['news', 'private-a', 'private-b', 'presence-room', 'private-cache-c', 'cache-d'];
/** Channels of a client. */
const OWN = 4;
const EVERY_MS = 120;
/** About ten seconds of events. */
const HISTORY_SIZE = 140;
const TOO_LONG_MS = 12_500;
/** Time for which events are kept for sure, at any rate of publishing, and if the cut client was seconds behind. */
const KEPT_MS = 5000;
const LIFE_MS = 1800;
/** SPEC 13.3: a second, and the time that a loaded machine may add. */
const RECEIPT_MS = 2000;
/** Where the server did not see the end, and another node continues: the record of the tab may be 3 s older. */
const UNSEEN_MS = RECEIPT_MS + 3000;

const ENV = {
  WAVEHALL_HISTORY_SIZE: `${HISTORY_SIZE}`,
  WAVEHALL_RESUME_TABS_PER_ADDRESS: '0',
};

interface Member {
  readonly client: NumberedClient;
  readonly link: ClientLink;
}

async function openMember(
  site: Site,
  published: NumberedPublisher,
  random: SeededRandom,
  at: number,
): Promise<Member> {
  const link = await ClientLink.open(() => random.pick(site.ports())!);
  const promised: Promised = at % 2 === 0 ? 'exact' : 'tab';
  const client = new NumberedClient({
    name: `${promised}-${at}`,
    promised,
    port: link.port,
    published,
    keptMs: KEPT_MS,
  });
  client.subscribe(Array.from({ length: OWN }, (_, each) => CHANNELS[(at + each) % CHANNELS.length]!));
  return { client, link };
}

interface Found extends Record<Promised, SequenceCounts> {
  /** The gaps that clients were told. */
  readonly reasons: readonly string[];
}

async function runCuts(site: Site): Promise<Found> {
  const random = new SeededRandom(SEED);
  const pickPort = (): number => random.pick(site.ports())!;
  const publisher = new NumberedPublisher({ channels: CHANNELS, everyMs: EVERY_MS, pickPort, random });
  const members: Member[] = [];
  for (let at = 0; at < CLIENTS; at += 1) members.push(await openMember(site, publisher, random, at));
  const clients = members.map(({ client }) => client);
  await eventually(() => clients.every(({ isSubscribed }) => isSubscribed), 'all are subscribed', SETTLE_MS);
  publisher.start();
  const cuts = (): number => members.reduce((sum, { link }) => sum + link.cuts, 0);
  const beganMs = performance.now();
  const isDone = (): boolean => cuts() >= CUTS;
  const options = { random, lifeMs: LIFE_MS, tooLongMs: TOO_LONG_MS, isDone };
  await Promise.all(members.map(({ client, link }) => cutAtRandom(client, link, options)));
  await publisher.stop();
  await eventually(
    () => clients.every(({ isUpToDate }) => isUpToDate),
    'all have the last events',
    SETTLE_MS,
  ).catch(() => undefined);
  const of = (promised: Promised): SequenceCounts =>
    totalOf(clients.filter((each) => each.promised === promised).map((each) => each.finish()));
  const counts = { exact: of('exact'), tab: of('tab') };
  for (const example of clients.flatMap((each) => each.examples).slice(0, 20)) console.log(example);
  report(cuts(), performance.now() - beganMs, publisher, counts);
  await Promise.all(members.map(({ link }) => link.close()));
  return { ...counts, reasons: clients.flatMap(({ gapReasons }) => gapReasons) };
}

function report(cuts: number, tookMs: number, publisher: NumberedPublisher, counts: object): void {
  const outcomes = JSON.stringify(Object.fromEntries(publisher.outcomes));
  console.log(
    `${cuts} cuts of ${CLIENTS} clients in ${Math.round(tookMs / 1000)} s, seed ${SEED}; ` +
      `${publisher.published} events, answers ${outcomes}\n${JSON.stringify(counts, undefined, 1)}`,
  );
}

/** The counts that must be 0; the others are for the report. */
const violations = ({ lost, doubled, reordered, wrongGaps }: SequenceCounts) => ({
  ...{ lost, doubled, reordered, wrongGaps },
});
const { lost, doubled, reordered, wrongGaps } = noCounts();
const NONE = { lost, doubled, reordered, wrongGaps };

/** SPEC 13.6: the gaps of an outage. A tab is told none of them. */
const OF_OUTAGES = ['unavailable', 'unknown', 'restarted'];

/** Gaps of these reasons that the servers counted, without those that clients were told. */
async function untoldGaps(site: Site, told: readonly string[]): Promise<number> {
  const counted = OF_OUTAGES.map((reason) => site.sumOf('wavehall_resume_gaps_total', `reason="${reason}"`));
  const sum = (await Promise.all(counted)).reduce((one, other) => one + other, 0);
  return sum - told.filter((reason) => OF_OUTAGES.includes(reason)).length;
}

async function expectNothingLost(site: Site): Promise<void> {
  try {
    const { exact, tab, reasons } = await runCuts(site);
    const untold = await untoldGaps(site, reasons);
    console.log(`${tab.holes} holes of tabs; ${untold} gaps that the servers counted and no client was told`);
    expect(tab.holes).toBeLessThanOrEqual(untold);
    expect(violations(exact)).toEqual(NONE);
    expect(violations({ ...tab, lost })).toEqual(NONE);
    expect(exact.gaps + tab.untold).toBeLessThanOrEqual(await site.sumOf('wavehall_resume_gaps_total'));
    expect(exact.gaps).toBeGreaterThan(0);
    expect(tab.repeatedAgeMs).toBeLessThanOrEqual(RECEIPT_MS);
    expect(tab.repeatedUnseenAgeMs).toBeLessThanOrEqual(UNSEEN_MS);
    expect(site.errors()).toEqual([]);
  } finally {
    await site.close();
  }
}

describe('G31 connections that end at random points', () => {
  test('13.5 one node: the exact sequence, or a gap that is told', { timeout: LIMIT_MS }, async () => {
    await expectNothingLost(await startOne(ENV));
  });

  test('13.5 three nodes: the exact sequence, or a gap that is told', { timeout: LIMIT_MS }, async () => {
    await expectNothingLost(await startThree(ENV));
  });
});
