import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { APP } from '../support/app.ts';
import type { CutoverStatus } from '../../src/cutover/status/status-report.ts';
import type { Server } from '../../src/server/index.ts';
import { startRedis } from '../support/redis.ts';
import { http, publisher } from '../support/wire-http.ts';
import { eventually, Wire } from '../support/wire.ts';
import { startServerInProcess } from './faulty-servers.ts';

const TOKEN = 'open-sesame';
vi.setConfig({ testTimeout: 90_000 });

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const endpointOf = (server: Server) => ({ ...APP, host: '127.0.0.1', port: server.port, prefix: '' });
const getJson = async (server: Server, path: string) => (await publisher(endpointOf(server)).get(path)).json;

async function statusOf(server: Server): Promise<CutoverStatus> {
  const headers = { Authorization: `Bearer ${TOKEN}` };
  return (await http(endpointOf(server), { method: 'GET', path: '/admin/cutover', headers }))
    .json as CutoverStatus;
}

/** An upstream, and nodes with a front door whose canaries and bridges run. */
async function open(count: number): Promise<{ upstreamServer: Server; nodes: Server[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'wavehall-counts-'));
  cleanUps.push(() => rm(folder, { recursive: true }));
  const redis = count > 1 ? await startRedis() : undefined;
  cleanUps.push(() => redis?.close() ?? Promise.resolve());
  const upstreamServer = await startServerInProcess();
  cleanUps.push(() => upstreamServer.stop());
  const starting = Array.from({ length: count }, () =>
    startServerInProcess({
      WAVEHALL_CUTOVER_UPSTREAM: `http://127.0.0.1:${upstreamServer.port}`,
      WAVEHALL_CUTOVER_STATE_FILE: join(folder, 'state.json'),
      WAVEHALL_CUTOVER_BREACH_SECONDS: '0',
      WAVEHALL_ADMIN_TOKEN: TOKEN,
      ...(redis && { REVERB_SCALING_ENABLED: 'true', REDIS_HOST: '127.0.0.1', REDIS_PORT: `${redis.port}` }),
    }),
  );
  const nodes = await Promise.all(starting);
  for (const node of nodes) cleanUps.push(() => node.stop());
  for (const node of nodes)
    await eventually(
      async () => {
        const { bridge, watch } = await statusOf(node);
        const { wavehall, upstream } = watch.health;
        return bridge[0]?.connected === true && wavehall.connects.good >= 2 && upstream.delivery.good >= 2;
      },
      'canary and bridge run',
      30_000,
    );
  return { upstreamServer, nodes };
}

const connect = async (server: Server, bucket: number): Promise<Wire> => {
  const wire = await Wire.open(endpointOf(server), `/app/${APP.key}?protocol=7`, {
    origin: 'http://app.test',
    headers: { cookie: `wavehall_bucket=${bucket}` },
  });
  cleanUps.push(() => wire.close());
  await wire.next('pusher:connection_established');
  return wire;
};

describe.each([1, 2])('the counts for Pulse through the front door of %d nodes', (count) => {
  test('11.10 exclude the canary, the bridge and their channels', async () => {
    const { upstreamServer, nodes } = await open(count);
    // The canaries and the bridges are connected to the upstream.
    expect(upstreamServer.connections()).toBeGreaterThanOrEqual(2 * count);
    for (const node of nodes) {
      await eventually(
        async () => ((await getJson(node, '/connections')) as { connections: number }).connections === 0,
        'no client is counted',
      );
      // The canary opens and closes connections meanwhile, which are never counted.
      for (let round = 0; round < 30; round += 1) {
        expect(await getJson(node, '/connections')).toEqual({ connections: 0 });
        expect(await getJson(node, '/channels')).toEqual({ channels: {} });
      }
    }
    const [node = nodes[0] as Server] = nodes;
    await http(endpointOf(node), {
      method: 'PUT',
      path: '/admin/cutover',
      headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' },
      body: '{"percent":50}',
    });
    for (const bucket of [1, 2, 9999]) await connect(node, bucket);
    for (const each of nodes)
      await eventually(
        async () => ((await getJson(each, '/connections')) as { connections: number }).connections === 3,
        'three clients, on both sides',
      );
  });
});
