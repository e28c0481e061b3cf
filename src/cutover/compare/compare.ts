import { performance } from 'node:perf_hooks';
import { kindOf, parseJson } from '#protocol';
import { sleep } from '../../core/util/time.ts';
import {
  type ChannelFindings,
  findingsOf,
  type ReceivedFrame,
  type ComparedWindow,
} from './compare-channel.ts';
import type { Side } from '../ports.ts';
import { phpJson } from '../client/php-json.ts';
import { type ReceivedEvent, Probe, type ProbeMember } from '../probe/probe.ts';
import type { ProbeSite } from '../probe/probe-site.ts';

const SETTLE_MS = 3000;
const TIMEOUT_MS = 10_000;
const MAX_BEHIND_MS = 1000;
/** Of one channel at one side; more would only be more of the same. */
const MOST_EVENTS = 200_000;
const SIDES = ['wavehall', 'upstream'] as const;
const NAMES = { wavehall: 'Wavehall', upstream: 'The other server' } as const;

/** `lead`: everybody listens, nothing is judged yet; `settle`: what is still on its way to the second side. */
export type Phase = 'lead' | 'listen' | 'settle';

export interface CompareNeeds {
  readonly sites: Readonly<Record<Side, ProbeSite>>;
  readonly channels: readonly string[];
  readonly listenMs: number;
  /** How much later than the first side the second one may bring an event. */
  readonly settleMs?: number;
  readonly timeoutMs?: number;
  /** p99 of what a side is behind the other, above which it is no go. */
  readonly maxBehindMs?: number;
  /** Somebody who is on the presence channels: the probes listen there as connections of that user, which nobody sees. */
  readonly member?: string | undefined;
  /** Resolves when the phase is over. */
  readonly wait?: (phase: Phase, ms: number) => Promise<void>;
}

/** SPEC 11.16 */
export interface Comparison {
  readonly isGo: boolean;
  /** Why it is no go, each in a sentence; empty when it is. */
  readonly reasons: readonly string[];
  readonly judgedMs: number;
  readonly channels: Readonly<Record<string, ChannelFindings>>;
}

type Lists = Record<Side, ReceivedFrame[]>;

/** Listens at both sides to the same channels, as one browser at each would, and compares (SPEC 11.16). */
export async function compare(needs: CompareNeeds): Promise<Comparison> {
  const channels = [...new Set(needs.channels)];
  const lists = new Map<string, Lists>(channels.map((each) => [each, { wavehall: [], upstream: [] }]));
  const problems: string[] = [];
  const opened = await Promise.allSettled(SIDES.map((side) => openProbe(side, needs, lists)));
  const probes = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  try {
    opened.forEach((each, at) => {
      if (each.status === 'rejected') problems.push(cannot(at, 'be connected', each.reason as Error));
    });
    if (problems.length > 0) return nothing(problems);
    const member = needs.member === undefined ? undefined : { userId: needs.member, info: {} };
    await Promise.all(probes.map((probe, at) => subscribeAll(probe, at, { channels, member, problems })));
    const time = await listen(probes, needs, problems);
    return verdict(lists, time, needs.maxBehindMs ?? MAX_BEHIND_MS, problems);
  } finally {
    await Promise.all(probes.map((probe) => probe.close()));
  }
}

function openProbe(side: Side, needs: CompareNeeds, lists: ReadonlyMap<string, Lists>): Promise<Probe> {
  const heard = ({ channel, name, data, userId, atMs }: ReceivedEvent): void => {
    const list = lists.get(channel)?.[side];
    if (list === undefined || list.length >= MOST_EVENTS) return;
    list.push({ name, data: data === undefined ? '' : canonical(data), userId, atMs });
  };
  return Probe.open(needs.sites[side], { timeoutMs: needs.timeoutMs ?? TIMEOUT_MS, heard });
}

interface Subscribing {
  readonly channels: readonly string[];
  /** Without one, presence channels are not listened to: their members would see a stranger. */
  readonly member: ProbeMember | undefined;
  readonly problems: string[];
}

async function subscribeAll(
  probe: Probe,
  at: number,
  { channels, member, problems }: Subscribing,
): Promise<void> {
  for (const channel of channels) {
    try {
      const isPresence = kindOf(channel).members;
      if (isPresence) await mustBeUnnoticed(probe, channel, member);
      await probe.subscribe(channel, isPresence ? member : undefined);
    } catch (error) {
      problems.push(cannot(at, `be listened to on ${channel}`, error as Error));
      // A refusal may come in two frames; the second must not be taken for the next channel's.
      await probe.settle().catch(() => undefined);
    }
  }
}

/** Throws when subscribing would show the members of a presence channel somebody new. */
async function mustBeUnnoticed(
  probe: Probe,
  channel: string,
  member: ProbeMember | undefined,
): Promise<void> {
  if (member === undefined)
    throw new Error('its members would see a stranger; name one of them with --member');
  if (!(await probe.hasMember(channel, member.userId)))
    throw new Error(`${member.userId} is not on it now, so its members would see somebody come`);
}

async function listen(
  probes: readonly Probe[],
  needs: CompareNeeds,
  problems: string[],
): Promise<ComparedWindow> {
  const { listenMs, settleMs = SETTLE_MS, wait = pauseFor } = needs;
  // What was sent before the end of a phase belongs to it.
  const settled = (): Promise<PromiseSettledResult<void>[]> =>
    Promise.allSettled(probes.map((probe) => probe.settle()));
  await wait('lead', settleMs);
  await settled();
  const fromMs = performance.now();
  await wait('listen', listenMs);
  await settled();
  const untilMs = performance.now();
  await wait('settle', settleMs);
  (await settled()).forEach((end, at) => {
    if (end.status === 'rejected') problems.push(cannot(at, 'be heard to the end', end.reason as Error));
  });
  return { fromMs, untilMs, settleMs };
}

const pauseFor = (_: Phase, ms: number): Promise<void> => sleep(ms);

function verdict(
  lists: ReadonlyMap<string, Lists>,
  time: ComparedWindow,
  maxBehindMs: number,
  problems: readonly string[],
): Comparison {
  const found = [...lists].map(([channel, each]) => [channel, findingsOf(each, time)] as const);
  const reasons = [
    ...problems,
    ...found.flatMap(([channel, findings]) => faultsOf(channel, findings, maxBehindMs)),
  ];
  if (found.every(([, { heard }]) => heard.wavehall + heard.upstream === 0))
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
    [found.missing.upstream, 'missing at the other server'],
    [found.doubled.wavehall, 'doubled at Wavehall'],
    [found.doubled.upstream, 'doubled at the other server'],
    [found.different, 'different'],
    [found.reordered, 'in another order'],
  ];
  const faults = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const late = SIDES.flatMap((side) => {
    const { p99Ms } = found.behind[side];
    return p99Ms !== null && p99Ms > maxBehindMs
      ? [`${NAMES[side]} is ${Math.round(p99Ms)} ms behind (p99; limit ${maxBehindMs} ms)`]
      : [];
  });
  return [...faults, ...late].map((each) => `${channel}: ${each}.`);
}

const nothing = (reasons: readonly string[]): Comparison => ({
  isGo: false,
  reasons,
  judgedMs: 0,
  channels: {},
});

const cannot = (at: number, what: string, { message }: Error): string =>
  `${NAMES[SIDES[at] ?? 'wavehall']} cannot ${what}: ${message}.`;

/** As a browser sees it: text that holds JSON is that JSON; what PHP confuses is equal. */
function canonical(data: unknown): string {
  const inside = typeof data === 'string' ? parseJson(data) : data;
  return phpJson(inside === undefined ? data : inside) ?? String(data);
}
