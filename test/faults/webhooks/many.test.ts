/** Very many webhooks at once. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { dataOf, eventually, Wire } from '../../support/wire.ts';
import { APP } from '../../support/app.ts';
import { printTable, receiverFault } from './webhook-run.ts';

const SOCKETS = 5;
const CHANNELS_PER_SOCKET = 2000;
const MOST_MORE_KB = 200 * 1024;
printTable();

const residentKb = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

/** Connects a client that subscribes to these public channels. */
async function subscribe(
  address: { host: string; port: number },
  channels: readonly string[],
): Promise<Wire> {
  const wire = await Wire.open(address, `/app/${APP.key}?protocol=7`);
  dataOf(await wire.next('pusher:connection_established'));
  for (const channel of channels) wire.send({ event: 'pusher:subscribe', data: { channel } });
  for (let at = 0; at < channels.length; at += 1)
    await wire.next('pusher_internal:subscription_succeeded', 30_000);
  return wire;
}

receiverFault('10,000 channels are vacated at once', async (run, server) => {
  const { receiver, lives } = run;
  const wires: Wire[] = [];
  for (let socket = 0; socket < SOCKETS; socket += 1) {
    const channels = Array.from({ length: CHANNELS_PER_SOCKET }, (_, at) => `channel-${socket}-${at}`);
    wires.push(await subscribe(server, channels));
    for (const channel of channels)
      lives.happened.push({ channel, name: 'channel_occupied' }, { channel, name: 'channel_vacated' });
  }
  await eventually(() => receiver.acceptedCount() === lives.happened.length / 2, 'all are occupied', 60_000);
  const beforeKb = residentKb(server.pid);
  let mostKb = 0;
  const timer = setInterval(() => (mostKb = Math.max(mostKb, residentKb(server.pid))), 50);
  const leftMs = performance.now();
  for (const wire of wires) wire.drop();
  await run.delivered();
  clearInterval(timer);
  const seconds = ((performance.now() - leftMs) / 1000).toFixed(1);
  console.log(`10,000 vacated: ${seconds} s until all had arrived, ${mostKb - beforeKb} kB more at most`);
  expect(mostKb - beforeKb).toBeLessThan(MOST_MORE_KB);
});
