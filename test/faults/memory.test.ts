import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServer, type TestServer } from '../support/server.ts';
import { eventually, UpgradeRefused, Wire } from '../support/wire.ts';

const MAX_SOCKETS = 500;
const CHANNELS = 200;
const NAME_LENGTH = 160;

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ NODE_OPTIONS: '--max-old-space-size=64', WAVEHALL_MAX_HEAP_PERCENT: '33' });
});
afterAll(() => server.close());

const statusOf = async (path: string): Promise<number> =>
  (await fetch(`http://127.0.0.1:${server.port}${path}`)).status;

const connect = (): Promise<Wire> => Wire.open(server, '/app/app-key?protocol=7');

const isAccepted = (): Promise<boolean> =>
  connect().then(
    async (wire) => {
      await wire.close();
      return true;
    },
    (error: unknown) => {
      expect(error).toBeInstanceOf(UpgradeRefused);
      expect((error as UpgradeRefused).status).toBe(503);
      return false;
    },
  );

test(
  '8.11 F11 while memory is short, new clients are refused and connected ones stay; it recovers when they leave',
  { timeout: 90_000 },
  async () => {
    const wires: Wire[] = [];
    for (let socket = 0; socket < MAX_SOCKETS; socket += 1) {
      const wire = await connect().catch(() => undefined);
      if (wire === undefined) break;
      wires.push(wire);
      for (let at = 0; at < CHANNELS; at += 1) {
        const channel = `${socket}-${at}-`.padEnd(NAME_LENGTH, 'x');
        wire.send({ event: 'pusher:subscribe', data: { channel } });
      }
      await wire.settle();
    }
    await eventually(async () => (await statusOf('/ready')) === 503, 'memory is short');
    expect([await isAccepted(), await statusOf('/up'), await statusOf('/live')]).toEqual([false, 503, 200]);
    await wires[0]?.settle();

    for (const wire of wires) await wire.close();
    await eventually(isAccepted, 'memory is free again', 40_000);
    expect(await statusOf('/up')).toBe(200);
  },
);
