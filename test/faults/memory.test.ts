import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServer, type TestServer } from '../support/server.ts';
import { eventually, UpgradeRefused, Wire } from '../support/wire.ts';

const MOST_SOCKETS = 500;
const CHANNELS = 200;
const NAME_CHARACTERS = 160;

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ NODE_OPTIONS: '--max-old-space-size=64', WAVEHALL_MAX_HEAP_PERCENT: '33' });
});
afterAll(() => server.close());

const statusOf = async (path: string): Promise<number> =>
  (await fetch(`http://127.0.0.1:${server.port}${path}`)).status;

const enter = (): Promise<Wire> => Wire.open(server, '/app/app-key?protocol=7');

const isLetIn = (): Promise<boolean> =>
  enter().then(
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
  '8.11 F11 while memory is short new clients are refused, connected ones stay, and it ends by itself',
  { timeout: 90_000 },
  async () => {
    const wires: Wire[] = [];
    for (let socket = 0; socket < MOST_SOCKETS; socket += 1) {
      const wire = await enter().catch(() => undefined);
      if (wire === undefined) break;
      wires.push(wire);
      for (let at = 0; at < CHANNELS; at += 1) {
        const channel = `${socket}-${at}-`.padEnd(NAME_CHARACTERS, 'x');
        wire.send({ event: 'pusher:subscribe', data: { channel } });
      }
      await wire.settle();
    }
    await eventually(async () => (await statusOf('/ready')) === 503, 'memory is short');
    expect([await isLetIn(), await statusOf('/up'), await statusOf('/live')]).toEqual([false, 503, 200]);
    await wires[0]?.settle();

    for (const wire of wires) await wire.close();
    await eventually(isLetIn, 'memory is there again', 40_000);
    expect(await statusOf('/up')).toBe(200);
  },
);
