/** `wavehall restart`: workers are replaced one by one while publishers and clients go on. */
import { writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { sleep } from '../../src/core/util/time.ts';
import { optionsFor, Pusher, subscribeTo } from '../clients/stock-clients.ts';
import { APP, appAt } from '../support/app.ts';
import { childrenOf } from '../support/processes.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import type { TestServer } from '../support/server.ts';
import { http, signedPath } from '../support/wire-http.ts';
import { eventually } from '../support/wire.ts';
import { temporaryFolder } from './command.ts';
import { metric } from './ports.ts';
import { admin, LONG_MS, openClient, operate, operated, PATIENT, startOperated } from './operated-server.ts';

vi.setConfig({ testTimeout: 4 * LONG_MS });
const CLIENTS = 40;

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.close());

/** Publishes without a pause until it is stopped; returns the status of each publish, or its error. */
function publishAllTheTime(server: TestServer, agent?: Agent): () => Promise<string[]> {
  const app = appAt(server);
  const outcomes: string[] = [];
  const stopping = new AbortController();
  const publishing = (async () => {
    for (let number = 0; !stopping.signal.aborted; number += 1) {
      const body = JSON.stringify({ name: 'tick', channel: 'news', data: `${number}` });
      const path = signedPath(app, 'POST', `/apps/${app.id}/events`, [], body);
      const headers = { 'Content-Type': 'application/json' };
      const answer = http(server, { method: 'POST', path, body, headers, ...(agent && { agent }) });
      outcomes.push(
        await answer.then(
          ({ status }) => `${status}`,
          (error: unknown) => (error as Error).message,
        ),
      );
      await sleep(1);
    }
  })();
  return async () => {
    stopping.abort();
    await publishing;
    agent?.destroy();
    return outcomes;
  };
}

describe('wavehall restart', () => {
  test('2.13 of 4 workers under load: no publish fails, every socket comes back, every worker is another', async () => {
    const settings = { ...operated(redis), ...PATIENT, WAVEHALL_DRAIN_SECONDS: '1' };
    const server = await startOperated(settings, ['--workers=4']);
    const before = childrenOf(server.pid);
    const clients = Array.from({ length: CLIENTS }, () => new Pusher(APP.key, optionsFor(server)));
    onTestFinished(() => clients.forEach((client) => client.disconnect()));
    const last: (string | undefined)[] = [];
    for (const [at, client] of clients.entries()) {
      const { channel } = await subscribeTo(client, 'news');
      channel.bind('last', () => (last[at] = client.connection.socket_id));
    }
    const sockets = clients.map(({ connection }) => connection.socket_id);
    const publishers = [
      publishAllTheTime(server),
      ...[1, 2, 3].map(() => publishAllTheTime(server, new Agent({ keepAlive: true, maxSockets: 1 }))),
    ];
    const { code, stdout, stderr } = await operate(server, ['restart']);
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({ phase: 'done', replaced: 4, workers: 4 });
    const outcomes = (await Promise.all(publishers.map((stop) => stop()))).flat();
    const failed = outcomes.filter((outcome) => outcome !== '200');
    await eventually(
      async () => {
        await publishOnce(server, 'last');
        return last.filter((id) => id !== undefined).length === CLIENTS;
      },
      () => `${last.filter((id) => id !== undefined).length} of ${CLIENTS} clients receive again`,
      LONG_MS,
    );
    console.log(`${outcomes.length} publishes, ${failed.length} failed; ${last.length} sockets came back`);
    expect(failed).toEqual([]);
    expect(outcomes.length).toBeGreaterThan(100);
    // Each of them was asked to reconnect, and is on a new worker now.
    expect(last.filter((id, at) => id === sockets[at])).toEqual([]);
    const after = childrenOf(server.pid);
    expect(after).toHaveLength(4);
    expect(after.filter((pid) => before.includes(pid))).toEqual([]);
    const metrics = (await admin(server, 'GET', '/metrics')).text;
    expect(metric(metrics, 'wavehall_worker_restarts_total')).toBe(0);
  });

  test('11.5 refuses a second restart while one is running, and runs again afterwards', async () => {
    const server = await startOperated({ ...operated(redis), WAVEHALL_DRAIN_SECONDS: '1' }, ['--workers=2']);
    await openClient(server);
    const first = await admin(server, 'POST', '/restart');
    expect([first.status, first.json]).toMatchObject([202, { phase: 'running', replaced: 0, workers: 2 }]);
    const second = await operate(server, ['restart']);
    expect([second.code, second.stdout]).toEqual([1, '']);
    expect(second.stderr).toMatch(
      /^wavehall: .*a restart is running already: \d of 2 workers are replaced\.\n$/,
    );
    await eventually(
      async () => (await admin(server, 'GET', '/restart')).text.includes('"done"'),
      'the first restart is done',
      LONG_MS,
    );
    expect((await operate(server, ['restart'])).code).toBe(0);
  });

  test('11.5 ends with the reason when a new worker cannot start; the old ones serve on', async () => {
    const file = join(temporaryFolder(), '.env');
    writeFileSync(file, 'WAVEHALL_PONG_TIMEOUT=30\n');
    const server = await startOperated(operated(redis), ['--workers=2', '--env-file', file]);
    const before = childrenOf(server.pid);
    const client = await openClient(server);
    writeFileSync(file, 'WAVEHALL_PONG_TIMEOUT=soon\nREVERB_SERVER_PORT=1\n');
    const { code, stderr } = await operate(server, ['restart']);
    expect(code).toBe(1);
    expect(stderr).toBe(
      'wavehall: 0 of 2 workers are replaced: worker 1 cannot start: WAVEHALL_PONG_TIMEOUT="soon": expected a whole number from 1\n',
    );
    expect(server.output()).toContain('The restart has ended early');
    expect(childrenOf(server.pid)).toEqual(before);
    expect(client.ended).toBeUndefined();
    await client.settle();
    // A file that is right again is read by the new workers. Their port is the one of the start.
    writeFileSync(file, 'WAVEHALL_PONG_TIMEOUT=20\nREVERB_SERVER_PORT=1\n');
    expect((await operate(server, ['restart'])).code).toBe(0);
    expect((await admin(server, 'GET', '/status')).status).toBe(200);
  });

  test('2.13 a stop during a restart ends all processes, also the one that starts', async () => {
    const server = await startOperated({ ...operated(redis), WAVEHALL_DRAIN_SECONDS: '1' }, ['--workers=3']);
    const clients = await Promise.all(Array.from({ length: 6 }, () => openClient(server)));
    expect((await admin(server, 'POST', '/restart')).status).toBe(202);
    await eventually(() => childrenOf(server.pid).length === 4, 'a new worker beside the old ones', LONG_MS);
    const workers = childrenOf(server.pid);
    server.kill();
    expect(await server.exited).toBe(0);
    expect(workers.filter((pid) => childrenOf(server.pid).includes(pid))).toEqual([]);
    for (const client of clients) expect((await client.closing()).code).toBe(4200);
  });
});

async function publishOnce(server: TestServer, name: string): Promise<void> {
  const app = appAt(server);
  const body = JSON.stringify({ name, channel: 'news', data: '{}' });
  const path = signedPath(app, 'POST', `/apps/${app.id}/events`, [], body);
  await http(server, { method: 'POST', path, body, headers: { 'Content-Type': 'application/json' } });
}
