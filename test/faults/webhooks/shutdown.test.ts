/** Webhooks when a server is stopped: nothing is lost, a receiver that hangs does not hold it, and a deploy causes none. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { temporaryFolder } from '../../cli/command.ts';
import { Cluster } from '../../support/cluster.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { startEndpoint, webhookVariables } from '../../support/webhooks.ts';
import { type Address, eventually } from '../../support/wire.ts';
import { checkDeliveries } from './checker.ts';
import { accept, type FaultyReceiver, hold, startFaultyReceiver } from './faulty-receiver.ts';
import { Lives } from './lives.ts';

vi.setConfig({ testTimeout: 120_000 });

const TRANSITIONS = ['channel_occupied', 'channel_vacated', 'member_added', 'member_removed'];
/** Longer than the bound for requests in flight, and than a loaded machine needs besides. */
const STOP_LIMIT_MS = 9000;
const FINE = { missing: [], invented: [], needless: [], outOfOrder: [] };

/** A receiver, and variables of servers that share a state file. */
async function prepare() {
  const receiver = await startFaultyReceiver();
  onTestFinished(() => receiver.stop());
  const lives = new Lives();
  onTestFinished(() => lives.close());
  const file = join(temporaryFolder(), 'webhooks.json');
  const endpoint = { name: 'shop', url: receiver.url, event_types: TRANSITIONS };
  const env = { ...webhookVariables([endpoint], 100), WAVEHALL_WEBHOOK_STATE_FILE: file };
  const start = async (): Promise<TestServer> => {
    const server = await startServer({ ...env, WAVEHALL_DRAIN_SECONDS: '0' });
    onTestFinished(() => server.close());
    return server;
  };
  return { receiver, lives, file, start };
}

const asked = (receiver: FaultyReceiver): Promise<void> =>
  eventually(() => receiver.arrivals.length > 0, 'a request is in flight', 10_000);

describe('a server without Redis', () => {
  test('9.6 that stops while its receiver hangs keeps all that waits for its next start', async () => {
    const { receiver, lives, file, start } = await prepare();
    receiver.behaviour = hold;
    const first = await start();
    const life = await lives.begin(first, 40);
    await asked(receiver);
    const stoppedMs = performance.now();
    first.kill();
    expect(await first.exited).toBe(0);
    expect(performance.now() - stoppedMs).toBeLessThan(STOP_LIMIT_MS);
    lives.ended(life);
    expect(existsSync(file)).toBe(true);
    receiver.behaviour = accept;
    await start();
    expect(existsSync(file)).toBe(false);
    await eventually(() => receiver.acceptedCount() >= lives.happened.length, 'all arrive', 20_000);
    expect(checkDeliveries(lives.happened, receiver.arrivals)).toMatchObject({ ...FINE, duplicates: 0 });
  });

  test('9.6 that gets a second signal does not wait for its receiver', async () => {
    const { receiver, lives, start } = await prepare();
    receiver.behaviour = hold;
    const server = await start();
    await lives.end(await lives.begin(server, 1));
    await asked(receiver);
    server.kill();
    await eventually(async () => !(await accepts(server)), 'it stops');
    const secondMs = performance.now();
    server.kill('SIGINT');
    expect(await server.exited).toBe(0);
    expect(performance.now() - secondMs).toBeLessThan(3000);
  });

  test('9.6 that has sent everything writes no file', async () => {
    const { receiver, lives, file, start } = await prepare();
    const server = await start();
    await lives.end(await lives.begin(server, 3));
    await eventually(() => receiver.acceptedCount() === lives.happened.length, 'all arrive');
    server.kill();
    expect(await server.exited).toBe(0);
    expect(existsSync(file)).toBe(false);
  });
});

const accepts = (server: Address): Promise<boolean> =>
  fetch(`http://${server.host}:${server.port}/live`).then(
    () => true,
    () => false,
  );

describe('two nodes', () => {
  test('9.4 a client that changes nodes 100 times, and a node that stops, cause no webhook', async () => {
    const endpoint = await startEndpoint('shop', TRANSITIONS);
    onTestFinished(endpoint.close);
    const cluster = await Cluster.start({ nodes: 2, env: webhookVariables([endpoint.json], 4000) });
    onTestFinished(() => cluster.close());
    const lives = new Lives();
    onTestFinished(() => lives.close());
    const load = (node: number) => lives.join(cluster.node(node).server, ['presence-page'], 'ada');
    let page = await load(0);
    await endpoint.arrived({ name: 'member_added' }, 20_000);
    for (let at = 1; at <= 100; at += 1) {
      await page.wire.close();
      page = await load(at % 2);
    }
    cluster.node(0).server.kill('SIGTERM');
    await page.wire.closing(20_000);
    page = await load(1);
    await cluster.node(0).server.exited;
    const other = await lives.begin(cluster.node(1).server, 1);
    await lives.end(other);
    await endpoint.arrived({ name: 'channel_vacated', channel: other.channels[0]! }, 30_000);
    const told = endpoint.events().filter(({ channel }) => channel === 'presence-page');
    expect(told.map(({ name }) => name)).toEqual(['channel_occupied', 'member_added']);
  });
});
