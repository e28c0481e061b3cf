/** Clients that resume beside those that do not: the cost of a delivery, memory, and the time that a shutdown takes. */
import type { Bench, Scenario } from '../../bench.ts';
import { startWavehall } from '../../contestants.ts';
import { compare, median, type Row } from '../../figures.ts';
import { interleave } from '../../rounds.ts';
import { rowsOf } from '../../rows.ts';
import { besideServers, Crowd, deliveryTurn, slopeOf } from '../crowd.ts';
import { YOUNG_GENERATION } from '../memory.ts';
import { type Kind, ResumingClient } from './client.ts';
import { drainRow } from './drain.ts';

const SOCKETS = 1000;
const FEW = 3000;
const MANY = 9000;
const CHANNELS = 20;
const MEMORY_ROUNDS = 3;
/** Receipts are asked for once a second: a turn has several of them. */
const TURN_FACTOR = 4;
const GOAL_TAB_KIB = 1;
const GOAL_CHANNEL_BYTES = 200;

interface Variant {
  readonly name: string;
  readonly kind: Kind;
  readonly variables?: Record<string, string>;
}

const OFF = { WAVEHALL_RESUME_SECONDS: '0' };
/** The clients answer no control pings. */
const SILENT = { REVERB_APP_PING_INTERVAL: '3600' };

const VARIANTS: readonly Variant[] = [
  { name: 'Wavehall', kind: 'plain' },
  { name: 'without resume', kind: 'plain', variables: OFF },
  { name: 'with tab ids', kind: 'tab' },
  { name: 'tab ids, no receipts', kind: 'tab', variables: OFF },
  { name: 'with the client file', kind: 'exact' },
];

export const resume: Scenario = {
  name: 'resume',
  title: 'Clients that resume, beside those that do not',
  run: (bench) =>
    besideServers(bench, async () => [
      ...(await deliveries(bench)),
      ...(await memoryRows(bench)),
      await drainRow(bench, resume.name),
    ]),
};

async function open(bench: Bench, { name, kind, variables = {} }: Variant, channels: number): Promise<Crowd> {
  const { server: core } = bench.setting.pinning;
  const started = await startWavehall({
    core,
    nodeOptions: YOUNG_GENERATION,
    variables: { ...SILENT, ...variables },
  });
  const contestant = { ...started, name, role: name === 'Wavehall' ? 'wavehall' : 'other' } as const;
  return new Crowd(
    contestant,
    (endpoint, onEvent) => new ResumingClient({ kind, channels }, endpoint, onEvent),
  );
}

async function deliveries(bench: Bench): Promise<Row[]> {
  const crowds: Crowd[] = [];
  try {
    for (const variant of VARIANTS) {
      const crowd = await open(bench, variant, 1);
      crowds.push(crowd);
      await crowd.grow(bench.scaled(SOCKETS));
    }
    const seconds = TURN_FACTOR * bench.sizes.seconds;
    const results = await interleave(bench, crowds, (crowd) => deliveryTurn(crowd, seconds));
    const figure = `${bench.scaled(SOCKETS)} clients, 1 event a tick`;
    return rowsOf({ scenario: resume.name, figure, unit: 'us/delivery' }, results);
  } finally {
    for (const crowd of crowds) await crowd.close();
  }
}

/** Memory of tabs beside that of clients without an id: on no channel, and for each channel. */
async function memoryRows(bench: Bench): Promise<Row[]> {
  const measure = async (kind: Kind, channels: number): Promise<number> => {
    const crowd = await open(bench, { name: 'Wavehall', kind }, channels);
    try {
      return await slopeOf(crowd, bench.scaled(FEW), bench.scaled(MANY));
    } finally {
      await crowd.close();
    }
  };
  /** The difference of two is small beside what one varies. */
  const kib = async (kind: Kind, channels: number): Promise<number> => {
    const rounds: number[] = [];
    while (rounds.length < Math.min(MEMORY_ROUNDS, bench.sizes.rounds))
      rounds.push(await measure(kind, channels));
    return median(rounds) ?? NaN;
  };
  const [plain, tab] = [await kib('plain', 0), await kib('tab', 0)];
  const [plainOnMany, tabOnMany] = [await kib('plain', CHANNELS), await kib('tab', CHANNELS)];
  const ofChannels = tabOnMany - plainOnMany - (tab - plain);
  return [
    memoryRow('RSS of a tab id', tab - plain, 'KiB', GOAL_TAB_KIB, { 'client without one KiB': plain }),
    memoryRow('RSS of its channel', (ofChannels * 1024) / CHANNELS, 'bytes', GOAL_CHANNEL_BYTES, {}),
  ];
}

const memoryRow = (
  figure: string,
  value: number,
  unit: string,
  atMost: number,
  more: Record<string, number>,
): Row => ({
  scenario: resume.name,
  figure,
  server: 'Wavehall',
  value,
  unit,
  atMost,
  against: compare([value], []),
  more,
  note: 'difference of clients with and without an id',
});
