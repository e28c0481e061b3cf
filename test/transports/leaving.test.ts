import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../support/server.ts';
import { eventually } from '../support/wire.ts';
import { signedPath } from '../support/wire-http.ts';
import { frameBytes, OPCODE, Tcp, textFrame } from '../support/wire-tcp.ts';

const PATH = '/app/app-key?protocol=7';
let server: TestServer;
const tcps: Tcp[] = [];

beforeAll(async () => {
  server = await startServer({ REVERB_APP_MAX_CONNECTIONS: '1', REVERB_APP_MAX_MESSAGE_SIZE: '1000' });
});
afterAll(async () => {
  for (const tcp of tcps) tcp.destroy();
  await server.close();
});

async function connect(): Promise<Tcp> {
  const tcp = await Tcp.upgraded(server, PATH);
  tcps.push(tcp);
  expect(await tcp.message()).toMatchObject({ event: 'pusher:connection_established' });
  return tcp;
}

const connections = async (): Promise<number> => {
  const app = { ...server, secure: false, prefix: '', id: 'app-id', key: 'app-key', secret: 'app-secret' };
  const path = signedPath(app, 'GET', '/apps/app-id/connections');
  const answer = await fetch(`http://127.0.0.1:${server.port}${path}`);
  return ((await answer.json()) as { connections: number }).connections;
};

const closeFrame = frameBytes({ opcode: OPCODE.close, payload: Buffer.from([3, 232]) });

describe('2.15 a client whose TCP stays open has left', () => {
  test('with the close frame that it sent: the next one of an app of 1 is let in, 20 times of 20', async () => {
    for (let round = 0; round < 20; round += 1) {
      const tcp = await connect();
      tcp.write(textFrame({ event: 'pusher:subscribe', data: { channel: 'orders' } }));
      await tcp.message();
      tcp.write(closeFrame);
      expect(await tcp.closing()).toEqual({ code: 1000, reason: '' });
    }
    expect(await connections()).toBe(0);
  });

  test('with the close frame for a message that is too large, which it does not answer', async () => {
    const tcp = await connect();
    tcp.write(textFrame('x'.repeat(1001)));
    expect((await tcp.closing()).code).toBe(1009);
    expect(await connections()).toBe(0);
  });

  test('with the close frame for a broken frame', async () => {
    const tcp = await connect();
    tcp.write(frameBytes({ opcode: 3, payload: 'x' }));
    expect((await tcp.closing()).code).toBe(1002);
    await eventually(async () => (await connections()) === 0, 'nobody is counted', 1000);
  });
});
