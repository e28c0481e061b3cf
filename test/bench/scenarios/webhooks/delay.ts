/** Time from a transition to its arrival, at a steady rate, beyond the smoothing. */
import { sleep } from '../../../../src/core/util/time.ts';
import type { Bench } from '../../bench.ts';
import { LightClient, quantile } from '../../cluster/bench-cluster.ts';
import { eventually } from '../../../support/wire.ts';
import type { Row } from '../../figures.ts';
import type { Receiver } from './receiver.ts';
import { type SendingServer, type Variant, withServers } from './servers.ts';

const PER_SECOND = 100;
const SECONDS = 5;
const SMOOTHING_MS = 1000;
const variables = { REVERB_WEBHOOK_DISCONNECT_SMOOTHING_MS: `${SMOOTHING_MS}` };

const VARIANTS: readonly Variant[] = [
  { name: 'Wavehall', role: 'wavehall', isOverRedis: false, hasEndpoint: true, variables },
  { name: 'over Redis', role: 'other', isOverRedis: true, hasEndpoint: true, variables },
];

export const delay = (bench: Bench, receiver: Receiver): Promise<Row[]> =>
  withServers(bench, receiver, VARIANTS, async (servers) => {
    const rows: Row[] = [];
    for (const server of servers) rows.push(...(await measure(bench, server)));
    return rows;
  });

async function measure(bench: Bench, server: SendingServer): Promise<Row[]> {
  const count = Math.max(10, bench.scaled(PER_SECOND * SECONDS));
  const client = new LightClient('user', server.contestant.endpoint, ['idle']);
  await client.subscribe();
  const names = Array.from({ length: count }, (_, at) => `steady.${at}`);
  const occupied = await paced(server, names, 'channel_occupied', (channel) =>
    client.send(JSON.stringify({ event: 'pusher:subscribe', data: { channel } })),
  );
  const vacated = await paced(server, names, 'channel_vacated', (channel) =>
    client.send(JSON.stringify({ event: 'pusher:unsubscribe', data: { channel } })),
  );
  client.close();
  return [
    row(server, 'channel_occupied', occupied),
    row(
      server,
      `channel_vacated, beyond ${SMOOTHING_MS} ms`,
      vacated.map((ms) => ms - SMOOTHING_MS),
    ),
  ];
}

/** Milliseconds from each sent message to the event with its channel. */
async function paced(
  { mailbox }: SendingServer,
  channels: readonly string[],
  event: string,
  send: (channel: string) => void,
): Promise<number[]> {
  const sentMs = new Map<string, number>();
  const delaysMs: number[] = [];
  mailbox.onEvent = ({ name, channel }) => {
    const beganMs = sentMs.get(channel);
    if (name === event && beganMs !== undefined) delaysMs.push(performance.now() - beganMs);
  };
  const beganMs = performance.now();
  for (const [at, channel] of channels.entries()) {
    const waitMs = beganMs + (at * 1000) / PER_SECOND - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    sentMs.set(channel, performance.now());
    send(channel);
  }
  await eventually(() => delaysMs.length >= channels.length, `${channels.length} of ${event}`, 30_000);
  return delaysMs;
}

const row = ({ contestant }: SendingServer, event: string, delaysMs: readonly number[]): Row => ({
  scenario: 'webhooks',
  figure: `${event}, ${PER_SECOND} a second`,
  server: contestant.name,
  value: quantile(delaysMs, 0.5),
  unit: 'ms p50',
  more: { 'p99 ms': quantile(delaysMs, 0.99) },
});
