import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { UpstreamApi } from '../../../src/cutover/bridge/connection/upstream-api.ts';
import { BRIDGE_LIMITS } from '../../../src/cutover/bridge/limits.ts';
import { APP } from '../../support/app.ts';

async function open(listener: RequestListener): Promise<UpstreamApi> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const api = new UpstreamApi({
    appId: APP.id,
    upstream: { url },
    credential: APP,
    limits: BRIDGE_LIMITS,
  });
  onTestFinished(() => {
    api.stop();
    server.close();
    server.closeAllConnections();
  });
  return api;
}

/** Answers `{}`, but resets the connection of as many requests as `resets` names once two connections are kept. */
function resetting(resets: number): RequestListener {
  const waiting: (() => void)[] = [];
  let resetsLeft = resets;
  return (request, response) => {
    const answer = (): void => void response.end('{}');
    if (waiting.length < 2) {
      // Both are answered together, so that each has a connection of its own.
      if (waiting.push(answer) === 2) for (const each of waiting) each();
    } else if (resetsLeft > 0) {
      resetsLeft -= 1;
      request.socket.resetAndDestroy();
    } else answer();
  };
}

const keepTwo = (api: UpstreamApi) => Promise.all([api.get('/channels'), api.get('/channels')]);

test('11.7 a request on a kept connection that the upstream has closed is sent once more', async () => {
  const api = await open(resetting(1));
  await keepTwo(api);
  expect(await api.post('/events', '{}')).toEqual({ kind: 'taken', text: '{}' });
});

test('11.7 a request whose retry meets a closed connection too is reported as broken, because it may have been carried out', async () => {
  const api = await open(resetting(2));
  await keepTwo(api);
  expect(await api.post('/events', '{}')).toEqual({ kind: 'broken', text: 'ECONNRESET' });
});
