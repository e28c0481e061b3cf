import { afterEach, describe, expect, test } from 'vitest';
import { whyUnreachable } from '../../src/cutover/watch/reachability.ts';
import { freePort } from '../support/free-port.ts';
import { eventually, Wire } from '../support/wire.ts';
import { probeSiteAt, startFaultyProxy, startSilentServer, startServerInProcess } from './faulty-servers.ts';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const start = async (env: Record<string, string> = {}) => {
  const server = await startServerInProcess(env);
  cleanUps.push(() => server.stop());
  return server;
};

describe('the upstream', () => {
  test('11.15 is reachable when it greets a probe, which is closed afterwards', async () => {
    const server = await start();
    expect(await whyUnreachable(probeSiteAt(server.port))).toBeUndefined();
    await eventually(() => server.connections() === 0, 'the probe is closed');
  });

  test('11.15 is reachable when it refuses the probe: clients may have used up its quota, or the origin is not allowed', async () => {
    const full = await start({ REVERB_APP_MAX_CONNECTIONS: '1' });
    const client = await Wire.open({ host: '127.0.0.1', port: full.port }, '/app/app-key?protocol=7');
    await client.next('pusher:connection_established');
    expect(await whyUnreachable(probeSiteAt(full.port))).toBeUndefined();
    await client.close();
    const strict = await start({ WAVEHALL_ALLOWED_ORIGINS: 'shop.test' });
    expect(await whyUnreachable(probeSiteAt(strict.port, { origin: 'https://other.test' }))).toBeUndefined();
  });

  test('11.15 is unreachable when it does not listen, does not answer, or accepts no WebSockets', async () => {
    expect(await whyUnreachable(probeSiteAt(await freePort()))).toBe('ECONNREFUSED');
    const frozen = await startSilentServer();
    cleanUps.push(() => frozen.close());
    expect(await whyUnreachable(probeSiteAt(frozen.port), 300)).toMatch(/timed out|no greeting/);
    const faulty = await startFaultyProxy((await start()).port);
    cleanUps.push(() => faulty.close());
    faulty.fault = 'no-upgrade';
    expect(await whyUnreachable(probeSiteAt(faulty.port))).toContain('503');
    faulty.fault = 'no-delivery';
    expect(await whyUnreachable(probeSiteAt(faulty.port), 300)).toBeDefined();
  });
});
