import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import type { Endpoint } from '../support/wire-http.ts';
import { compareRuns } from './random-runs.ts';
import { APP, APP_ENV } from './settings.ts';

const ENV = { ...APP_ENV, WAVEHALL_MAX_CLIENT_EVENTS_PER_SECOND: '0', WAVEHALL_MAX_MESSAGES_PER_SECOND: '0' };
const servers: TestServer[] = [];

const start = async (env: Record<string, string> = {}): Promise<Endpoint> => {
  const server = await startServer({ ...ENV, ...env });
  servers.push(server);
  return { ...APP, host: server.host, port: server.port, prefix: '' };
};

let pair: readonly [Endpoint, Endpoint];
beforeAll(async () => {
  pair = [await start(), await start()];
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
});

test.each([1, 2, 3])('3.13 two servers answer the same random steps alike (seed %i)', async (seed) => {
  expect(await compareRuns(pair, seed, 250, [])).toBeUndefined();
});

test('5.1 a random run detects a server that differs in one setting', async () => {
  const other = await start({ REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM: 'none' });
  const found = await compareRuns([pair[0], other], 4, 250, []);
  expect(found?.step.do).toBe('whisper');
});
