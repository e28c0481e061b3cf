import { afterEach, expect, test } from 'vitest';
import { startServer, type TestServer } from '../support/server.ts';
import { Tcp, textFrame } from '../support/wire-tcp.ts';

let server: TestServer | undefined;
const tcps: Tcp[] = [];
afterEach(async () => {
  for (const tcp of tcps.splice(0)) tcp.destroy();
  await server?.close();
});

test('2.12 ten sockets that ping and never read do no harm to a server of 256 MB', async () => {
  const node = ['--max-old-space-size=256'];
  server = await startServer({ WAVEHALL_MAX_MESSAGES_PER_SECOND: '0' }, [], ['start'], { node });
  const pings = Buffer.concat(
    Array.from({ length: 20_000 }, () => textFrame({ event: 'pusher:ping', data: {} })),
  );
  for (let count = 0; count < 10; count += 1) {
    const tcp = await Tcp.upgraded(server, '/app/app-key');
    tcps.push(tcp);
    tcp.socket.pause();
    for (let sent = 0; sent < 10; sent += 1) tcp.write(pings);
  }
  const bystander = await Tcp.upgraded(server, '/app/app-key');
  tcps.push(bystander);
  await bystander.message();
  for (let round = 0; round < 10; round += 1) {
    bystander.write(textFrame({ event: 'pusher:ping', data: {} }));
    expect(await bystander.message(1000)).toMatchObject({ event: 'pusher:pong' });
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}, 60_000);
