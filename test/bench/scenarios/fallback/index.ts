/** Clients over the HTTP fallback beside those over WebSocket: the cost of a delivery, and the memory of a session. */
import type { Bench, Scenario } from '../../bench.ts';
import { startWavehall } from '../../contestants.ts';
import { compare, type Row } from '../../figures.ts';
import { interleave } from '../../rounds.ts';
import { rowsOf } from '../../rows.ts';
import { besideServers, Crowd, deliveryTurn, slopeOf } from '../crowd.ts';
import { YOUNG_GENERATION } from '../memory.ts';
import { FallbackClient, type Way } from './client.ts';

const SOCKETS = 1000;
const FEW = 500;
const MANY = 2500;
const KIB_OF_A_GIB = 1024 * 1024;

const VARIANTS: readonly (readonly [name: string, way: Way])[] = [
  ['Wavehall', 'xhr_streaming'],
  ['by polling', 'xhr_polling'],
  ['over WebSocket', 'websocket'],
];

export const fallback: Scenario = {
  name: 'fallback',
  title: 'Clients over the HTTP fallback, by streaming, beside polling and WebSocket',
  run: (bench) =>
    besideServers(bench, async () => [...(await deliveries(bench)), ...(await memoryOfSessions(bench))]),
};

async function open(bench: Bench, [name, way]: (typeof VARIANTS)[number]): Promise<Crowd> {
  const { server: core } = bench.setting.pinning;
  const started = await startWavehall({ core, nodeOptions: YOUNG_GENERATION });
  const contestant = { ...started, name, role: name === 'Wavehall' ? 'wavehall' : 'other' } as const;
  return new Crowd(contestant, (endpoint, onEvent) => new FallbackClient(way, endpoint, onEvent));
}

async function deliveries(bench: Bench): Promise<Row[]> {
  const crowds: Crowd[] = [];
  try {
    for (const variant of VARIANTS) {
      const crowd = await open(bench, variant);
      crowds.push(crowd);
      await crowd.grow(bench.scaled(SOCKETS));
    }
    const results = await interleave(bench, crowds, (crowd) => deliveryTurn(crowd, bench.sizes.seconds));
    const figure = `${bench.scaled(SOCKETS)} clients, 1 event a tick`;
    return rowsOf({ scenario: fallback.name, figure, unit: 'us/delivery' }, results);
  } finally {
    for (const crowd of crowds) await crowd.close();
  }
}

interface Slope {
  readonly server: string;
  readonly kib: number;
}

async function memoryOfSessions(bench: Bench): Promise<Row[]> {
  const slopes: Slope[] = [];
  for (const variant of VARIANTS) {
    const crowd = await open(bench, variant);
    try {
      slopes.push({ server: variant[0], kib: await slopeOf(crowd, bench.scaled(FEW), bench.scaled(MANY)) });
    } finally {
      await crowd.close();
    }
  }
  return slopes.map((slope) => memoryRow(slope, slopes));
}

function memoryRow({ server, kib }: Slope, all: readonly Slope[]): Row {
  const others = server === 'Wavehall' ? all.filter((each) => each.server !== server) : [];
  return {
    scenario: fallback.name,
    figure: 'RSS of one more client',
    server,
    value: kib,
    unit: 'KiB',
    against: compare(
      [kib],
      others.map((each) => ({ to: each.server, rounds: [each.kib] })),
    ),
    more: { 'clients in a GiB': Math.floor(KIB_OF_A_GIB / kib) },
  };
}
