import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import { startRedis } from '../support/redis.ts';
import { startServer } from '../support/server.ts';
import { dataOf, eventually, Wire } from '../support/wire.ts';
import { channelAuth } from '../support/wire-http.ts';
import { run } from './command.ts';

const APP = { REVERB_APP_ID: 'a', REVERB_APP_KEY: 'k', REVERB_APP_SECRET: 'hush-hush-hush' };
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const HAS_IPV6 = Object.values(networkInterfaces()).some((each) =>
  each?.some(({ address }) => address === '::1'),
);

describe('the start block', () => {
  test('2.1 shows the addresses, the app and warnings; without a terminal each line is JSON', async () => {
    const server = await startServer({ REVERB_SERVER_PATH: '/ws/' });
    await server.close();
    const lines = server.output().trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        level: 30,
        time: expect.any(Number),
        msg: 'Wavehall has started',
        version,
        nodeVersion: process.versions.node,
        mode: 'development',
        webSocket: `ws://127.0.0.1:${server.port}/ws/app/{key}`,
        httpApi: `http://127.0.0.1:${server.port}/ws/apps/{id}`,
        host: '127.0.0.1',
        port: server.port,
        apps: 'id app-id, key app-key, secret app-secret: for development only, because no app is configured',
        scaling: 'off: one node, no Redis',
        workers: 1,
        openFiles: expect.anything(),
      },
      expect.objectContaining({ msg: expect.stringMatching(/^Wavehall is stopping/), signal: 'SIGTERM' }),
      expect.objectContaining({
        msg: expect.stringMatching(/^The server stops/),
        sockets: 0,
        slowedSeconds: 0,
      }),
    ]);
    expect(await server.exited).toBe(0);
  });

  test.runIf(HAS_IPV6)('2.1 shows an IPv6 address in brackets', async () => {
    const server = await startServer({ REVERB_SERVER_HOST: '::1' });
    await server.close();
    expect(server.output()).toContain(`ws://[::1]:${server.port}/app/{key}`);
  });

  test('3.13 shows that scaling over Redis is on, and the address of Redis', async () => {
    const redis = await startRedis();
    const server = await startServer({ REVERB_SCALING_ENABLED: 'true', REDIS_PORT: `${redis.port}` });
    await server.close();
    await redis.close();
    expect(server.output()).toContain(`on: Redis at 127.0.0.1:${redis.port}`);
  });
});

describe('flags', () => {
  test('2.1 --version', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('2.1 --help names the command, and the flags of reverb:start', async () => {
    const [all, start] = await Promise.all([run(['--help']), run(['start', '--help'])]);
    expect([all.code, all.stdout]).toEqual([0, expect.stringMatching(/Usage: wavehall[^]+start/)]);
    expect(start.code).toBe(0);
    for (const flag of ['--host', '--port', '--path', '--hostname', '--debug', '--env-file']) {
      expect(start.stdout).toContain(`${flag} `);
    }
  });

  test.each([[['start', '--prot', '1']], [['begin']], [['start', '--port']], [['start', 'now']]])(
    '2.1 %j is refused with exit code 1 and an error message',
    async (args) => {
      const { code, stdout, stderr } = await run(args);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^error: /);
    },
  );

  test('2.1 --host, --port and --path override the environment', async () => {
    const environment = {
      REVERB_SERVER_HOST: '192.0.2.1',
      REVERB_SERVER_PORT: '1',
      REVERB_SERVER_PATH: 'no',
    };
    const server = await startServer(environment, ['--host', '127.0.0.1', '--port', '0', '--path', 'yes']);
    const wire = await Wire.open(server, '/yes/app/app-key?protocol=7');
    expect((await wire.first()).event).toBe('pusher:connection_established');
    await wire.close();
    await server.close();
  });
});

describe('the start fails', () => {
  test('2.1 for a port that is in use, with exit code 1 and a hint', async () => {
    const other = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    try {
      const { code, stdout, stderr } = await run(['start'], { REVERB_SERVER_PORT: String(port) });
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(
        new RegExp(
          `^wavehall: .*address already in use 127\\.0\\.0\\.1:${port}\\. Is it Laravel Reverb .*--port.*\n$`,
        ),
      );
    } finally {
      other.close();
    }
  });

  test('2.1 for an address of another machine, with exit code 1 and a message', async () => {
    const { code, stderr } = await run(['start'], { REVERB_SERVER_HOST: '192.0.2.1' });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^wavehall: .*192\.0\.2\.1.*\n$/)]);
  });

  test('7.1 for an open inspector with a configured app', async () => {
    const { code, stdout, stderr } = await run(['start'], APP, ['--inspect=127.0.0.1:0']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('wavehall: The inspector is open: anyone who reaches it controls the process.');
    expect(stderr).not.toContain('hush');
  });

  test('7.1 for an inspector that NODE_OPTIONS opened', async () => {
    const { code, stderr } = await run(['start'], { ...APP, NODE_OPTIONS: '--inspect=127.0.0.1:0' });
    expect([code, stderr]).toEqual([1, expect.stringContaining('The inspector is open')]);
  });

  test('7.1 not for SIGUSR1, which does not open an inspector', async () => {
    const server = await startServer(APP);
    server.kill('SIGUSR1');
    const wire = await Wire.open(server, '/app/k?protocol=7');
    await wire.settle();
    await wire.close();
    await server.close();
    expect(await server.exited).toBe(0);
    expect(server.output()).not.toContain('Debugger');
  });

  test('7.1 not for an open inspector with the development app', async () => {
    const server = await startServer({ NODE_OPTIONS: '--inspect=127.0.0.1:0' });
    expect(server.output()).toMatch(/Debugger listening[^]+development/);
    await server.close();
  });
});

describe('--debug', () => {
  test("1.1 logs every message under Reverb's titles, as JSON lines without a terminal", async () => {
    const server = await startServer(APP, ['--debug']);
    const app = { key: 'k', secret: 'hush-hush-hush' };
    const wire = await Wire.open(server, '/app/k?protocol=7');
    const socketId = (dataOf(await wire.first()) as { socket_id: string }).socket_id;
    const auth = channelAuth(app, socketId, 'private-a');
    wire.send({ event: 'pusher:subscribe', data: { channel: 'private-a', auth } });
    await wire.next('pusher_internal:subscription_succeeded');
    wire.send({ event: 'client-a', channel: 'private-a', data: 'hello' });
    await wire.settle();
    await wire.close();
    await eventually(() => server.output().includes('Connection Closed'), 'the log line of the close');
    const refused = await Wire.open(server, '/app/unknown?protocol=7');
    await refused.closing();
    await eventually(() => server.output().includes('Connection Refused'), 'the refusal');
    await server.close();
    const records = server
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { msg: string; subject: string; message?: string });
    const of = (title: string) => records.filter(({ msg }) => msg === title);
    expect(of('Connection Established')).toMatchObject([{ subject: socketId }]);
    expect(of('Message Received')[0]).toMatchObject({
      subject: socketId,
      message: '{"event":"pusher:subscribe","data":{"channel":"private-a","auth":"[redacted]"}}',
    });
    expect(of('Message Handled')).toHaveLength(3);
    expect(of('Broadcasting To')).toMatchObject([{ subject: 'private-a' }]);
    expect(of('Connection Closed')).toMatchObject([{ subject: socketId }]);
    expect(of('Connection Refused')).toMatchObject([{ message: '"Application does not exist"' }]);
    expect(server.output()).not.toContain(auth.slice(2));
  });

  test('7.7 messages are not logged without --debug', async () => {
    const server = await startServer();
    const wire = await Wire.open(server, '/app/app-key?protocol=7');
    wire.send({ event: 'pusher:subscribe', data: { channel: 'very-special' } });
    await wire.next('pusher_internal:subscription_succeeded');
    await wire.close();
    await server.close();
    expect(server.output()).not.toMatch(/very-special|Connection Established/);
  });
});
