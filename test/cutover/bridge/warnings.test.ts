import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { startStandIn } from '../../support/reverb-stand-in.ts';
import type { TestServer } from '../../support/server.ts';
import { eventually } from '../../support/wire.ts';
import { openBridgedNode, type BridgedNode, type BridgedNodeOptions } from './bridged-node.ts';
import { RecordingClient } from './recording-client.ts';
import { publish } from './bridged-pair.ts';
import { sleep } from '../../../src/core/util/time.ts';

const QUICK = { reconnectFirstMs: 50, reconnectMostMs: 100, subscribeWaitMs: 300 };
const APP = { REVERB_APP_ID: 'app-id', REVERB_APP_KEY: 'app-key', REVERB_APP_SECRET: 'app-secret' };

let node: BridgedNode;
let server: TestServer | undefined;
afterEach(async () => {
  await node.stop();
  await server?.close();
  server = undefined;
});

const warned = (text: string): Promise<void> =>
  eventually(
    () => node.logger.warnings.some(({ message }) => message.includes(text)),
    () => `a warning with ${text}: ${JSON.stringify(node.logger.warnings)}`,
  );

async function open(env: Record<string, string>, options: Partial<BridgedNodeOptions> = {}): Promise<void> {
  server = await startStandIn({ ...APP, ...env });
  node = await openBridgedNode({ upstream: `http://127.0.0.1:${server.port}`, limits: QUICK, ...options });
}

/** Checks that Wavehall works as without a cutover. */
async function works(): Promise<void> {
  const client = await RecordingClient.connect(node.app);
  await client.join('private-orders');
  await publish(node.app, 'private-orders', 'still', 1);
  await eventually(() => client.received('still').length === 1, 'Wavehall delivers');
  client.wire.drop();
}

describe('logs once, with the name of the setting, that the upstream', () => {
  test('11.17 has no app with the key', async () => {
    await open({ REVERB_APP_KEY: 'another' });
    await warned('WAVEHALL_CUTOVER_UPSTREAM: the upstream has no app with this key');
    await works();
    await sleep(300);
    expect(node.logger.warnings.filter(({ message }) => message.includes('app with this key'))).toHaveLength(
      1,
    );
  });

  test('11.17 has another secret', async () => {
    await open({ REVERB_APP_SECRET: 'another' });
    await eventually(() => node.state.connected, 'the bridge is connected');
    await works();
    await warned('the app must have the same secret there');
    await warned('refuses the signature of the bridge');
    expect(node.state.dropped).toEqual({ refused: 1 });
  });

  test('11.17 has another app id', async () => {
    await open({ REVERB_APP_ID: 'another' });
    await eventually(() => node.state.connected, 'the bridge is connected');
    await works();
    await warned('has no app with this id');
  });

  test('11.17 refuses the origin without a close, and accepts WAVEHALL_CUTOVER_ORIGIN', async () => {
    await open({ STAND_IN_ALLOWED_ORIGINS: 'shop.test' });
    await warned('WAVEHALL_CUTOVER_ORIGIN: the upstream does not allow the origin');
    await works();
    await node.stop();
    const upstream = `http://127.0.0.1:${server?.port ?? 0}`;
    node = await openBridgedNode({ upstream, limits: QUICK, origin: 'https://shop.test' });
    await eventually(() => node.state.connected, 'the bridge is connected');
  });

  test.each(['does not listen', 'does not answer', 'answers in another protocol'])(
    '11.13 %s at the start',
    async (what) => {
      const wrongServer = createServer((socket) => {
        socket.on('error', () => undefined);
        if (what === 'answers in another protocol') socket.end('220 smtp.test ESMTP\r\n');
      }).listen(0, '127.0.0.1');
      await once(wrongServer, 'listening');
      const { port } = wrongServer.address() as { port: number };
      if (what === 'does not listen') await new Promise((resolve) => wrongServer.close(resolve));
      node = await openBridgedNode({
        upstream: `http://127.0.0.1:${port}`,
        limits: { ...QUICK, handshakeMs: 200 },
      });
      await warned('The bridge has no connection to the upstream');
      const beganMs = performance.now();
      await works();
      expect(performance.now() - beganMs).toBeLessThan(200);
      expect(node.state).toMatchObject({ connected: false, queue: { events: 1 } });
      wrongServer.close();
    },
  );
});
