import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { APP, APP_ENV } from '../conformance/settings.ts';
import { CaseTools } from '../conformance/case-tools.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { frameBytes, OPCODE, Tcp } from '../support/wire-tcp.ts';
import { eventually } from '../support/wire.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function serverWith(files: { openFiles?: number } = {}): Promise<TestServer> {
  const server = await startServer(APP_ENV, [], ['start'], files);
  undo.push(() => server.close());
  return server;
}

test('idle connections never use the files that the server itself needs', async () => {
  const server = await serverWith({ openFiles: 256 });
  const idle: Socket[] = [];
  undo.push(() => idle.forEach((socket) => socket.destroy()));
  for (let index = 0; index < 400; index += 1) {
    const socket = connect(server.port, server.host).on('error', () => undefined);
    idle.push(socket);
  }
  await eventually(
    () => server.output().includes('"reason":"sockets_full"'),
    () => server.output(),
  );
  for (const socket of idle) socket.destroy();
  const site = new CaseTools({ ...APP, host: server.host, port: server.port, prefix: '' });
  await eventually(
    async () => (await site.request({ method: 'GET', path: '/up' }).catch(() => undefined))?.status === 200,
    () => server.output(),
  );
  expect(server.output()).not.toContain('EMFILE');
});

test('logs a TLS hello on a plain port once, with its likely cause', async () => {
  const server = await serverWith();
  for (let index = 0; index < 3; index += 1)
    await new Promise<void>((resolve) =>
      connectTls({ host: server.host, port: server.port, rejectUnauthorized: false })
        .on('error', () => undefined)
        .on('close', () => resolve()),
    );
  await eventually(
    () => server.output().includes('tls_on_plain_port'),
    () => server.output(),
  );
  expect(server.output().match(/tls_on_plain_port/g)).toHaveLength(1);
  expect(server.output()).toContain('VITE_REVERB_SCHEME=http');
});

test('counts and logs invalid frames and invalid requests once', async () => {
  const server = await serverWith();
  const address = { host: server.host, port: server.port };
  for (let index = 0; index < 3; index += 1) {
    const tcp = await Tcp.upgraded(address, `/app/${APP.key}`);
    await tcp.message();
    tcp.write(frameBytes({ opcode: OPCODE.text, rsv: 7, payload: 'x' }));
    expect((await tcp.closing()).code).toBe(1002);
    tcp.destroy();
    const odd = await Tcp.open(address);
    odd.write('NONSENSE\r\n\r\n');
    expect(await odd.head()).toContain('400');
    odd.destroy();
  }
  for (const reason of ['websocket_frame', 'http_malformed'])
    expect(server.output().match(new RegExp(`"reason":"${reason}"`, 'g')), reason).toHaveLength(1);
});
