/** The address that counts behind real proxies, which write ports beside it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import WebSocket from 'ws';
import { APP_VARIABLES, appAt } from '../support/app.ts';
import { findNginx } from '../support/cluster-nginx.ts';
import { freePort } from '../support/free-port.ts';
import { findHaproxy, runProxy } from '../support/proxies.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { http, publisher } from '../support/wire-http.ts';
import { eventually } from '../support/wire.ts';

const MOST = 2;
const TOKEN = 'an-admin-token-for-tests';
const folder = mkdtempSync(join(tmpdir(), 'wavehall-behind-'));
let server: TestServer;

beforeAll(async () => {
  server = await startServer({
    ...APP_VARIABLES,
    WAVEHALL_ADMIN_TOKEN: TOKEN,
    WAVEHALL_TRUSTED_PROXIES: '127.0.0.1',
    WAVEHALL_MAX_CONNECTIONS_PER_ADDRESS: `${MOST}`,
  });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Adds the peer and its port to what the client wrote, as Azure's gateways do. */
const NGINX = (port: number): string => `
events {}
pid ${folder}/nginx.pid;
http {
  access_log off;
  map $http_x_forwarded_for $before { '' ''; default '$http_x_forwarded_for, '; }
  server {
    listen 127.0.0.1:${port};
    listen [::1]:${port};
    location / {
      set $peer $remote_addr:$remote_port;
      if ($remote_addr ~ :) { set $peer '[$remote_addr]:$remote_port'; }
      proxy_pass http://127.0.0.1:${server.port};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_set_header X-Forwarded-For '$before$peer';
    }
  }
}
`;

const HAPROXY = (port: number): string => `
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend public
  bind 127.0.0.1:${port}
  bind [::1]:${port}
  acl v6 src -m sub :
  http-request add-header X-Forwarded-For "%[src]:%[src_port]" if !v6
  http-request add-header X-Forwarded-For "[%[src]]:%[src_port]" if v6
  default_backend wavehall
backend wavehall
  server one 127.0.0.1:${server.port}
`;

const startNginx = async () => {
  const [port, file] = [await freePort(), join(folder, 'nginx.conf')];
  writeFileSync(file, NGINX(port));
  const proxy = await runProxy(folder, findNginx(), ['-p', folder, '-c', file, '-g', 'daemon off;'], port);
  return { port, close: () => proxy.close() };
};

const startHaproxy = async () => {
  const [port, file] = [await freePort(), join(folder, 'haproxy.cfg')];
  writeFileSync(file, HAPROXY(port));
  const proxy = await runProxy(folder, findHaproxy(), ['-f', file], port);
  return { port, close: () => proxy.close() };
};

const closed = async (socket: WebSocket): Promise<void> => {
  const isClosed = new Promise((resolve) => socket.once('close', resolve));
  socket.close();
  if (socket.readyState !== WebSocket.CLOSED) await isClosed;
};

describe.each([
  ['nginx', startNginx],
  ['HAProxy', startHaproxy],
] as const)('behind %s, which writes ports into X-Forwarded-For', (_name, start) => {
  let proxy: Awaited<ReturnType<typeof start>>;
  const open: WebSocket[] = [];
  beforeAll(async () => {
    proxy = await start();
  });
  afterEach(() => Promise.all(open.splice(0).map(closed)));
  afterAll(() => proxy.close());

  /** The first event that a client from this address is sent. */
  const firstEvent = async (localAddress: string, claimed?: string): Promise<unknown> => {
    const host = localAddress.includes(':') ? '[::1]' : '127.0.0.1';
    const socket = new WebSocket(`ws://${host}:${proxy.port}/app/app-key?protocol=7`, {
      localAddress,
      ...(claimed === undefined ? {} : { headers: { 'X-Forwarded-For': claimed } }),
    });
    open.push(socket);
    socket.on('error', () => undefined);
    const frame = await new Promise<string>((resolve, reject) => {
      socket.once('message', (bytes: Buffer) => resolve(bytes.toString()));
      socket.once('error', reject);
    });
    return (JSON.parse(frame) as { event?: unknown }).event;
  };
  const WELL = 'pusher:connection_established';

  test.each(['127.0.0.2', '::1'])(
    `2.7 ${MOST} connections of %s are let in and the next is not, whatever its ports are`,
    async (address) => {
      for (let number = 0; number < MOST; number += 1) expect(await firstEvent(address)).toBe(WELL);
      expect(await firstEvent(address)).toBe('pusher:error');
      expect(await firstEvent('127.0.0.3')).toBe(WELL);
    },
  );

  test('2.7, 16.1 a trace names the address of the publisher, not that of the proxy', async () => {
    const { post } = publisher(appAt({ host: '::1', port: proxy.port }));
    const answer = await post('/events', { name: 'e', channel: 'orders', data: '{}' });
    const { json } = await http(server, {
      method: 'GET',
      path: `/admin/trace?id=${String(answer.headers['x-wavehall-event-id'])}`,
      headers: { Authorization: `Bearer ${TOKEN}` },
    });
    const { story } = json as { readonly story: { readonly received: string } };
    expect(story.received).toContain(' from ::1 ');
  });

  test('2.7 ignores an address that a client claims itself', async () => {
    const claims = ['203.0.113.1:5001', '203.0.113.2', '[2001:db8::1]:443', 'unknown', '127.0.0.1'];
    const events: unknown[] = [];
    for (const claim of claims) events.push(await firstEvent('127.0.0.4', claim));
    expect(events).toEqual([WELL, WELL, 'pusher:error', 'pusher:error', 'pusher:error']);
  });
});

test('2.7, 9.2 the log names the address of a refused publisher, not that of the proxy', async () => {
  const proxy = await startNginx();
  onTestFinished(() => proxy.close());
  const { get } = publisher(appAt({ host: '::1', port: proxy.port }));
  expect((await get('/nothing-here')).status).toBe(404);
  await eventually(() => server.output().includes('"address":"::1"'), 'a line with the address', 10_000);
});
