/** The replacement of one process: what fails, and what passes on (SPEC 2.17). */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { freePort } from '../../support/free-port.ts';
import { childrenOf, isRunning } from '../../support/processes.ts';
import { selfSigned } from '../../support/certificates.ts';
import { eventually } from '../../support/wire.ts';
import { http } from '../../support/wire-http.ts';
import { cleanEnvironment, MAIN, temporaryFolder } from '../command.ts';
import { LONG_MS, openClient, operate, operated, startOperated } from '../operated-server.ts';

vi.setConfig({ testTimeout: 4 * LONG_MS });

test('2.17 a new process that cannot start ends the restart with the reason; the old one serves on', async () => {
  const file = join(temporaryFolder(), '.env');
  writeFileSync(file, 'WAVEHALL_PONG_TIMEOUT=30\n');
  const server = await startOperated(operated(), ['--env-file', file]);
  const client = await openClient(server);
  writeFileSync(file, 'WAVEHALL_PONG_TIMEOUT=soon\nREVERB_SERVER_PORT=1\n');
  const { code, stderr } = await operate(server, ['restart']);
  expect([code, stderr]).toEqual([
    1,
    'wavehall: The process is not replaced yet: the new process cannot start: WAVEHALL_PONG_TIMEOUT="soon": expected a whole number from 1\n',
  ]);
  expect(childrenOf(server.pid)).toEqual([]);
  await client.settle();
  // A file that is right again is read by the new process. Its port is the one of the start.
  writeFileSync(file, 'WAVEHALL_PONG_TIMEOUT=20\nREVERB_SERVER_PORT=1\n');
  expect((await operate(server, ['restart'])).code).toBe(0);
  expect((await client.closing()).code).toBe(4200);
  await (await openClient(server)).settle();
});

test('2.17 a new process that is killed before it serves changes nothing', async () => {
  const server = await startOperated(operated());
  const client = await openClient(server);
  const restarting = operate(server, ['restart']);
  await eventually(() => childrenOf(server.pid).length === 1, 'a new process', LONG_MS);
  for (const pid of childrenOf(server.pid)) process.kill(pid, 'SIGKILL');
  const { code, stderr } = await restarting;
  expect([code, stderr]).toEqual([
    1,
    'wavehall: The process is not replaced yet: the new process cannot start: SIGKILL\n',
  ]);
  await client.settle();
  expect((await operate(server, ['restart'])).code).toBe(0);
});

test('2.17 when the new process is killed later, another one is started at the same port', async () => {
  const server = await startOperated(operated());
  expect((await operate(server, ['restart'])).code).toBe(0);
  const [second] = childrenOf(server.pid);
  const client = await openClient(server);
  process.kill(second ?? 0, 'SIGKILL');
  await client.closing();
  await eventually(() => childrenOf(server.pid).some((pid) => pid !== second), 'a third process', LONG_MS);
  await eventually(
    async () => (await http(server, { method: 'GET', path: '/up' }).catch(() => undefined))?.status === 200,
    'it serves',
    LONG_MS,
  );
  expect((await operate(server, ['restart'])).code).toBe(0);
});

test('2.17 when the first process is killed, the one that serves for it ends too', async () => {
  const server = await startOperated(operated());
  expect((await operate(server, ['restart'])).code).toBe(0);
  const [second] = childrenOf(server.pid);
  process.kill(server.pid, 'SIGKILL');
  await eventually(() => !isRunning(second ?? 0), 'no process is left', LONG_MS);
});

test('8.13 the ports of the HTTP API and of the metrics pass on; one that was changed is opened anew', async () => {
  const file = join(temporaryFolder(), '.env');
  const [apiPort, metricsPort, newMetricsPort] = [await freePort(), await freePort(), await freePort()];
  const settings = (port: number) => `WAVEHALL_API_PORT=${apiPort}\nWAVEHALL_METRICS_PORT=${port}\n`;
  writeFileSync(file, settings(metricsPort));
  const server = await startOperated(operated(), ['--env-file', file]);
  const api = { ...server, port: apiPort };
  const statusOf = async (port: number, path: string) =>
    (await http({ ...server, port }, { method: 'GET', path }).catch(() => undefined))?.status;
  writeFileSync(file, settings(newMetricsPort));
  expect((await operate(api, ['restart'])).code).toBe(0);
  expect(await statusOf(server.port, '/up')).toBe(200);
  expect(await statusOf(newMetricsPort, '/metrics')).toBe(200);
  expect(await statusOf(metricsPort, '/metrics')).toBeUndefined();
  expect((await operate(api, ['restart'])).code).toBe(0);
  expect(await statusOf(newMetricsPort, '/metrics')).toBe(200);
});

test('11.5 a process that belongs to node:cluster answers that it is restarted there', async () => {
  const script = join(temporaryFolder(), 'cluster.mjs');
  const port = await freePort();
  writeFileSync(
    script,
    `import cluster from 'node:cluster';
     cluster.setupPrimary({ exec: ${JSON.stringify(MAIN)}, args: ['start', '--port', '${port}'] });
     cluster.fork();
     process.on('SIGTERM', () => { for (const each of Object.values(cluster.workers)) each.process.kill('SIGTERM'); });`,
  );
  const child = spawn(process.execPath, [script], { env: cleanEnvironment(operated()), stdio: 'ignore' });
  onTestFinished(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  });
  const server = { host: '127.0.0.1', port } as Parameters<typeof operate>[0];
  await eventually(
    async () => (await http(server, { method: 'GET', path: '/up' }).catch(() => undefined))?.status === 200,
    'it serves',
    LONG_MS,
  );
  const { code, stderr } = await operate(server, ['restart']);
  expect(code).toBe(1);
  expect(stderr).toContain(
    'this process belongs to node:cluster, or to PM2 in cluster mode: restart it there',
  );
});

test('8.13 a port with TLS passes on', async () => {
  const files = selfSigned();
  onTestFinished(() => files.remove());
  const server = await startOperated({
    ...operated(),
    WAVEHALL_TLS_CERT: files.certificate,
    WAVEHALL_TLS_KEY: files.key,
  });
  const trust = { NODE_EXTRA_CA_CERTS: files.certificate };
  const url = `https://127.0.0.1:${server.port}`;
  expect((await operate(server, ['restart', '--url', url], trust)).code).toBe(0);
  expect((await operate(server, ['status', '--url', url], trust)).code).toBe(0);
});
