/** Stock pusher-js clients that reconnect all at once, in front of a real Laravel (SPEC 14.4, 14.7). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missingRequirements } from '../requirements.ts';
import type { Fault } from './faulty-laravel.ts';
import { CONCURRENCY, Storm, type StormOptions, type StormResult } from './storm.ts';

/** `npm run faults -- --storm 1000` sets these. */
const CLIENTS = Number(process.env['STORM_CLIENTS'] ?? 20);
const CHANNELS = Number(process.env['STORM_CHANNELS'] ?? 4);
const QUESTIONS = CLIENTS * CHANNELS;
const LIMIT_MS = 120_000 + QUESTIONS * 100;
const missing = missingRequirements();

if (missing === undefined) describe('a storm of reconnecting clients', { timeout: LIMIT_MS }, scenario);
else if (process.env['CI'] === undefined)
  test.skip(`14.4 a storm does not reach Laravel (skipped: ${missing})`);
else
  test('14.4 a storm does not reach Laravel', () => {
    throw new Error(missing);
  });

function scenario(): void {
  describe('with the auth gateway', () => {
    const storm = stormOf({ hasGateway: true });

    test('14.7 the first time each question reaches Laravel once, and all are subscribed', async () => {
      const first = show('first, with the gateway', await storm().connect());
      expect(first).toMatchObject({ questions: QUESTIONS, failed: 0 });
      expect(first.mostAtOnce).toBeLessThanOrEqual(CONCURRENCY);
    });

    test('14.4 when all reconnect at once, all are subscribed again, and Laravel is not asked', async () => {
      const again = show('again, with the gateway', await storm().reconnect());
      expect(again).toMatchObject({ questions: 0, failed: 0 });
    });

    test('14.4 nor after a crash of the server', async () => {
      const crashed = show('after kill -9 of the server', await storm().crash());
      expect(crashed).toMatchObject({ questions: 0, failed: 0 });
    });

    test('14.4 all are subscribed when Laravel is down, too', async () => {
      await storm().app.kill();
      expect(await storm().reconnect()).toMatchObject({ questions: 0, failed: 0 });
    });
  });

  describe('without it', () => {
    const storm = stormOf({ hasGateway: false });

    test('14.4 each reconnect asks Laravel for each channel again', async () => {
      show('first, without the gateway', await storm().connect());
      const again = show('again, without the gateway', await storm().reconnect());
      // A crowd that PHP cannot take is refused by its kernel, before it is counted.
      expect(again.questions + again.failed).toBeGreaterThanOrEqual(QUESTIONS);
      expect(again.questions).toBeGreaterThan(QUESTIONS / 10);
    });
  });

  describe('a fault of Laravel in the storm', () => {
    const unknown = Math.floor(CLIENTS / 2);
    const storm = stormOf({ hasGateway: true, timeoutSeconds: 2, waitSeconds: 10 });
    beforeAll(() => storm().connect(), LIMIT_MS);

    test.each<[string, Fault]>([
      ['is gone', 'is gone'],
      ['hangs', 'hangs'],
      ['answers 500', { status: 500 }],
      ['answers 302', { status: 302, headers: { location: '/login' } }],
    ])(
      '14.7 %s: who is known is subscribed, the others are told, and can enter afterwards',
      async (what, fault) => {
        await storm().forget(unknown);
        storm().laravel.fault = fault;
        const during = show(`Laravel ${what}`, await storm().reconnect());
        expect(storm().served).toEqual(
          Array.from({ length: CLIENTS - unknown }, (_, at) => unknown + at + 1),
        );
        expect(during.failed).toBe(unknown * CHANNELS);
        expect(during.mostAtOnce).toBeLessThanOrEqual(CONCURRENCY);

        storm().laravel.fault = undefined;
        const after = show('  and afterwards', await storm().reconnect());
        expect(after).toMatchObject({ questions: unknown * CHANNELS, failed: 0 });
      },
    );
  });
}

/** Starts a storm for the tests of this block. */
function stormOf(options: Omit<StormOptions, 'clients' | 'channels'>): () => Storm {
  let storm: Storm | undefined;
  beforeAll(async () => {
    storm = await Storm.start({ clients: CLIENTS, channels: CHANNELS, ...options });
  }, LIMIT_MS);
  afterAll(() => storm?.close());
  return () => storm as Storm;
}

/** Prints a line of the table, if it was asked for. */
function show(what: string, result: StormResult): StormResult {
  const { questions, seconds, failed, mostAtOnce } = result;
  const words = [what.padEnd(28), `${questions} of ${QUESTIONS} questions`, `${seconds.toFixed(1)} s`];
  if (process.env['STORM_CLIENTS'] !== undefined)
    console.log([...words, `${failed} failed`, `${mostAtOnce} at once`].join('   '));
  return result;
}
