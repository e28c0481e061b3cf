import { performance } from 'node:perf_hooks';
import { kindOf, parseJson } from '#protocol';
import { sleep } from '../../core/util/time.ts';
import {
  type ChannelFindings,
  findingsOf,
  type ReceivedFrame,
  type ComparedWindow,
} from './compare-channel.ts';
import type { Side } from '../sides.ts';
import { phpJson } from '../client/php-json.ts';
import { type ReceivedEvent, Probe, type ProbeMember } from '../probe/probe.ts';
import type { ProbeSite } from '../probe/probe-site.ts';
import { SIDE_NAMES, SIDES } from '../sides.ts';

const SETTLE_MS = 3000;
const COMPARE_TIMEOUT_MS = 10_000;
const MAX_BEHIND_MS = 1000;
/** Events of one channel at one side that are compared at most. */
const MOST_EVENTS = 200_000;

/** `warm-up`: both sides listen, nothing is judged yet; `settle`: late events of the second side are awaited. */
export type Phase = 'warm-up' | 'listen' | 'settle';

export interface CompareOptions {
  readonly sites: Readonly<Record<Side, ProbeSite>>;
  readonly channels: readonly string[];
  readonly listenMs: number;
  /** Time by which the second side may deliver an event later than the first. */
  readonly settleMs?: number;
  readonly timeoutMs?: number;
  /** p99 of a side's delay behind the other, above which it is no go. */
  readonly maxBehindMs?: number;
  /** Id of a user who is on the presence channels: the probes join as further connections of that user, which members do not see. */
  readonly member?: string | undefined;
  /** Resolves when the phase is over. */
  readonly wait?: (phase: Phase, ms: number) => Promise<void>;
}

/** SPEC 11.16 */
export interface Comparison {
  readonly isGo: boolean;
  /** Reasons of a no go, each in a sentence; empty when it is a go. */
  readonly reasons: readonly string[];
  readonly judgedMs: number;
  readonly channels: Readonly<Record<string, ChannelFindings>>;
}

type RecordedEvents = Record<Side, ReceivedFrame[]>;

/** Listens to the same channels at both sides, as one browser at each, and compares (SPEC 11.16). */
export async function compare(options: CompareOptions): Promise<Comparison> {
  const channels = [...new Set(options.channels)];
  const lists = new Map<string, RecordedEvents>(
    channels.map((each) => [each, { wavehall: [], upstream: [] }]),
  );
  const problems: string[] = [];
  const opened = await Promise.allSettled(SIDES.map((side) => openProbe(side, options, lists)));
  const probes = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  try {
    opened.forEach((each, at) => {
      if (each.status === 'rejected')
        problems.push(problemText(`no connection to ${sideNameAt(at)}`, each.reason as Error));
    });
    if (problems.length > 0) return notCompared(problems);
    const member = options.member === undefined ? undefined : { userId: options.member, info: {} };
    await Promise.all(probes.map((probe, at) => subscribeAll(probe, at, { channels, member, problems })));
    const time = await listen(probes, options, problems);
    return verdict(lists, time, options.maxBehindMs ?? MAX_BEHIND_MS, problems);
  } finally {
    await Promise.all(probes.map((probe) => probe.close()));
  }
}

function openProbe(
  side: Side,
  options: CompareOptions,
  lists: ReadonlyMap<string, RecordedEvents>,
): Promise<Probe> {
  const received = ({ channel, name, data, userId, atMs }: ReceivedEvent): void => {
    const list = lists.get(channel)?.[side];
    if (list === undefined || list.length >= MOST_EVENTS) return;
    list.push({ name, data: data === undefined ? '' : canonicalData(data), userId, atMs });
  };
  return Probe.open(options.sites[side], { timeoutMs: options.timeoutMs ?? COMPARE_TIMEOUT_MS, received });
}

interface SubscribeOptions {
  readonly channels: readonly string[];
  /** Without one, presence channels are left out: their members would see a stranger. */
  readonly member: ProbeMember | undefined;
  readonly problems: string[];
}

async function subscribeAll(
  probe: Probe,
  at: number,
  { channels, member, problems }: SubscribeOptions,
): Promise<void> {
  for (const channel of channels) {
    try {
      const isPresence = kindOf(channel).members;
      if (isPresence) await requireMember(probe, channel, member);
      await probe.subscribe(channel, isPresence ? member : undefined);
    } catch (error) {
      problems.push(problemText(`no subscription to ${channel} at ${sideNameAt(at)}`, error as Error));
      // A refusal may come in two frames; the second must not count for the next channel.
      await probe.roundTrip().catch(() => undefined);
    }
  }
}

/** Throws when the members of a presence channel would see a new member. */
async function requireMember(probe: Probe, channel: string, member: ProbeMember | undefined): Promise<void> {
  if (member === undefined)
    throw new Error('its members would see a stranger; name one of them with --member');
  if (!(await probe.hasMember(channel, member.userId)))
    throw new Error(`${member.userId} is not on it now, so its members would see a new one`);
}

async function listen(
  probes: readonly Probe[],
  options: CompareOptions,
  problems: string[],
): Promise<ComparedWindow> {
  const { listenMs, settleMs = SETTLE_MS, wait = pauseFor } = options;
  // Events that were sent before the end of a phase belong to it.
  const settled = (): Promise<PromiseSettledResult<void>[]> =>
    Promise.allSettled(probes.map((probe) => probe.roundTrip()));
  await wait('warm-up', settleMs);
  await settled();
  const fromMs = performance.now();
  await wait('listen', listenMs);
  await settled();
  const untilMs = performance.now();
  await wait('settle', settleMs);
  (await settled()).forEach((end, at) => {
    if (end.status === 'rejected')
      problems.push(problemText(`connection to ${sideNameAt(at)} lost`, end.reason as Error));
  });
  return { fromMs, untilMs, settleMs };
}

const pauseFor = (_: Phase, ms: number): Promise<void> => sleep(ms);

function verdict(
  lists: ReadonlyMap<string, RecordedEvents>,
  time: ComparedWindow,
  maxBehindMs: number,
  problems: readonly string[],
): Comparison {
  const found = [...lists].map(([channel, each]) => [channel, findingsOf(each, time)] as const);
  const reasons = [
    ...problems,
    ...found.flatMap(([channel, findings]) => faultsOf(channel, findings, maxBehindMs)),
  ];
  if (found.every(([, { received }]) => received.wavehall + received.upstream === 0))
    reasons.push('Nothing was published on these channels meanwhile, so nothing could be compared.');
  for (const [channel, { wavehall, upstream }] of lists)
    if (Math.max(wavehall.length, upstream.length) >= MOST_EVENTS)
      reasons.push(`${channel}: more than ${MOST_EVENTS} events; listen for a shorter time.`);
  return {
    isGo: reasons.length === 0,
    reasons,
    judgedMs: Math.round(time.untilMs - time.fromMs),
    channels: Object.fromEntries(found),
  };
}

function faultsOf(channel: string, found: ChannelFindings, maxBehindMs: number): string[] {
  const counts: readonly (readonly [number, string])[] = [
    [found.missing.wavehall, 'missing at Wavehall'],
    [found.missing.upstream, 'missing at the upstream'],
    [found.doubled.wavehall, 'doubled at Wavehall'],
    [found.doubled.upstream, 'doubled at the upstream'],
    [found.different, 'different'],
    [found.reordered, 'in another order'],
  ];
  const faults = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const late = SIDES.flatMap((side) => {
    const { p99Ms } = found.behind[side];
    return p99Ms !== null && p99Ms > maxBehindMs
      ? [`${SIDE_NAMES[side]} is ${Math.round(p99Ms)} ms behind (p99; limit ${maxBehindMs} ms)`]
      : [];
  });
  return [...faults, ...late].map((each) => `${channel}: ${each}.`);
}

const notCompared = (reasons: readonly string[]): Comparison => ({
  isGo: false,
  reasons,
  judgedMs: 0,
  channels: {},
});

const sideNameAt = (at: number): string => SIDE_NAMES[SIDES[at] ?? 'wavehall'];
const problemText = (what: string, { message }: Error): string => `${what}: ${message}.`;

/** Data as a browser sees it: JSON text is parsed; what PHP does not distinguish is equal. */
function canonicalData(data: unknown): string {
  const inside = typeof data === 'string' ? parseJson(data) : data;
  return phpJson(inside === undefined ? data : inside) ?? String(data);
}
