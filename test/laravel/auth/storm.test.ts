/** Stock pusher-js clients that reconnect all at once, in front of a real Laravel (SPEC 14.4, 14.7). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missingRequirements } from '../requirements.ts';
import { Storm } from './storm.ts';

/** `npm run faults -- --storm 1000` sets these. */
const CLIENTS = Number(process.env['STORM_CLIENTS'] ?? 20);
const CHANNELS = Number(process.env['STORM_CHANNELS'] ?? 4);
const LIMIT_MS = 120_000 + CLIENTS * CHANNELS * 100;
const missing = missingRequirements();

if (missing === undefined) describe('a storm of reconnecting clients', { timeout: LIMIT_MS }, scenario);
else if (process.env['CI'] === undefined)
  test.skip(`14.4 a storm does not reach Laravel (skipped: ${missing})`);
else
  test('14.4 a storm does not reach Laravel', () => {
    throw new Error(missing);
  });

function scenario(): void {
  let storm: Storm;
  beforeAll(async () => {
    storm = await Storm.start({ clients: CLIENTS, channels: CHANNELS, hasGateway: true });
  }, LIMIT_MS);
  afterAll(() => storm.close());

  test('14.7 the first time each question reaches Laravel once, and all are subscribed', async () => {
    const cold = await storm.connect();
    console.log('first', JSON.stringify(cold));
    expect(cold).toMatchObject({ questions: CLIENTS * CHANNELS, failed: 0 });
  });

  test('14.4 when all reconnect at once, all are subscribed again, and Laravel is not asked', async () => {
    const warm = await storm.reconnect();
    console.log('again', JSON.stringify(warm));
    expect(warm).toMatchObject({ questions: 0, failed: 0 });
  });

  test('14.4 nor after a crash of the server', async () => {
    expect(await storm.crash()).toMatchObject({ questions: 0, failed: 0 });
  });

  test('14.4 all are subscribed when Laravel is down, too', async () => {
    await storm.app.kill();
    expect(await storm.reconnect()).toMatchObject({ questions: 0, failed: 0 });
  });
}
