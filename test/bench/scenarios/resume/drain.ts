import { once } from 'node:events';
import { connect } from 'node:net';
import { startRedis } from '../../../support/redis.ts';
import { sleep } from '../../../../src/core/util/time.ts';
import { textFrame, upgradeText } from '../../../support/wire-tcp.ts';
import type { Endpoint } from '../../../support/wire-http.ts';
import { publisher } from '../../../support/wire-http.ts';
import type { Bench } from '../../bench.ts';
import { type Contestant, startWavehall } from '../../contestants.ts';
import type { Row } from '../../figures.ts';

const SOCKETS = 2000;
const AT_ONCE = 50;
const CHANNEL = 'bench';

/** Connects and subscribes; resolves with the time at which the server ended the connection. */
async function stay({ host, port, key }: Endpoint, onSubscribed: () => void): Promise<void> {
  const socket = connect({ host, port, noDelay: true }).on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(upgradeText(`/app/${key}?protocol=7`));
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString('latin1')).slice(-400);
    if (text.includes('connection_established'))
      socket.write(textFrame({ event: 'pusher:subscribe', data: { channel: CHANNEL } }));
    if (text.includes('subscription_succeeded')) onSubscribed();
    if (text.includes('"code":4200')) socket.destroy();
    if (/established|succeeded/.test(text)) text = '';
  });
  await once(socket, 'close');
}

/** Time from SIGTERM of one of two nodes until its last client is subscribed on the other one; publishes go on. */
export async function drainRow(bench: Bench, scenario: string): Promise<Row> {
  const redis = await startRedis();
  const variables = { REVERB_SCALING_ENABLED: 'true', REDIS_HOST: '127.0.0.1', REDIS_PORT: `${redis.port}` };
  const nodes = [await startWavehall({ variables }), await startWavehall({ variables })];
  try {
    return await measure(bench, scenario, nodes);
  } finally {
    for (const node of nodes) await node.close();
    await redis.close();
  }
}

async function measure(bench: Bench, scenario: string, nodes: readonly Contestant[]): Promise<Row> {
  const [old, next] = nodes.map(({ endpoint }) => endpoint) as [Endpoint, Endpoint];
  const sockets = bench.scaled(SOCKETS);
  let subscribed = 0;
  const returnedMs: number[] = [];
  for (let opened = 0; opened < sockets; opened += AT_ONCE) {
    for (let at = opened; at < Math.min(sockets, opened + AT_ONCE); at += 1)
      void stay(old, () => (subscribed += 1)).then(() =>
        stay(next, () => returnedMs.push(performance.now() - stoppedMs)),
      );
    while (subscribed < Math.min(sockets, opened + AT_ONCE)) await sleep(5);
  }
  const stoppedMs = performance.now();
  process.kill(nodes[0]?.pid ?? 0, 'SIGTERM');
  const refused = await publishUntil(next, () => returnedMs.length >= sockets);
  const sorted = returnedMs.sort((one, other) => one - other);
  return {
    scenario,
    figure: 'SIGTERM to the last return',
    server: 'Wavehall',
    value: (sorted.at(-1) ?? NaN) / 1000,
    unit: 's',
    against: [],
    more: { 'half s': (sorted[Math.floor(sorted.length / 2)] ?? NaN) / 1000, 'refused publishes': refused },
    note: `${sockets} sockets, WAVEHALL_DRAIN_SECONDS is 8`,
  };
}

/** Publishes until the condition holds. Returns how many publishes were refused. */
async function publishUntil(endpoint: Endpoint, isOver: () => boolean): Promise<number> {
  let refused = 0;
  while (!isOver()) {
    const { status } = await publisher(endpoint).post('/events', { name: 'e', channel: CHANNEL, data: '{}' });
    if (status !== 200) refused += 1;
    await sleep(10);
  }
  return refused;
}
