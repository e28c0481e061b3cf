/**
 * The stand-in answers as Laravel Reverb 1.10.2 does: it has every difference that the conformance suite lists for Reverb,
 * and no other. By hand, against a real Reverb: `npx tsx --conditions=source test/conformance/random-runs.ts --strict --a … --b …`.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cases } from '../conformance/cases/index.ts';
import differences from '../conformance/reverb-differences.ts';
import { Servers, outcomeOf } from '../conformance/runner.ts';
import { APP, APP_ENV, secondApp } from '../conformance/settings.ts';
import { running, type Target } from '../conformance/target.ts';
import type { Endpoint } from '../support/wire-http.ts';
import { Wire } from '../support/wire.ts';
import { startStandIn } from '../support/reverb-stand-in.ts';
import type { TestServer } from '../support/server.ts';

/** Cases that wait a minute or longer for Reverb, or need a second server. */
const SKIPPED = new Set(['C16', 'C17', 'C40']);

let standIn: TestServer;
let app: Endpoint;
beforeAll(async () => {
  standIn = await startStandIn(APP_ENV);
  app = { ...APP, host: standIn.host, port: standIn.port, prefix: '' };
});
afterAll(() => standIn.close());

describe('11.18 the stand-in for Reverb', () => {
  const tested = cases.filter(({ id, needs, alone }) => !needs && !alone && !SKIPPED.has(id));
  const forms = { tolerated: new Set(['F1', 'F2']), met: new Set<string>() };
  const target = (): Target => running('the stand-in', app);
  let servers: Servers;
  beforeAll(() => {
    servers = new Servers(target());
  });
  afterAll(() => servers.close());

  const isKnownDifference = ({ id }: { id: string }): boolean => Object.hasOwn(differences, id);
  const resultOf = async (each: (typeof tested)[number]): Promise<string> => {
    const { result, detail } = await outcomeOf(each, servers, forms);
    return isKnownDifference(each) || result === 'passed' ? result : detail;
  };

  test.each(tested.filter((each) => !isKnownDifference(each)))(
    '11.18 answers case $id as the protocol requires',
    // One of them opens 10,000 connections.
    { timeout: 120_000 },
    async (each) => {
      expect(await resultOf(each)).toBe('passed');
    },
  );

  // Most of their time is spent waiting for frames that Reverb never sends.
  describe.concurrent('differs where Reverb does', () => {
    test.each(tested.filter(isKnownDifference))('11.18 in case $id', { timeout: 60_000 }, async (each) => {
      expect(await resultOf(each)).toBe('failed');
    });
  });

  test('11.18 uses the forms of Reverb: errors as a string, no subscription_error', () => {
    expect([...forms.met].sort()).toEqual(['F1', 'F2']);
  });
});

test('11.17 a refused origin is answered with an error, and its socket is not closed', async () => {
  const strict = await startStandIn({ ...APP_ENV, STAND_IN_ALLOWED_ORIGINS: 'app.test' });
  const wire = await Wire.open(strict, `/app/${APP.key}`, { origin: 'https://else.test' });
  expect(await wire.first()).toEqual({
    event: 'pusher:error',
    data: '{"code":4009,"message":"Origin not allowed"}',
  });
  expect(await wire.settle()).toEqual([]);
  await wire.close();
  await strict.close();
});

test('11.13 an idle socket is pinged, and ended without a close frame when it does not answer', async () => {
  const quick = await startStandIn({ ...APP_ENV, REVERB_APP_PING_INTERVAL: '1', STAND_IN_SWEEP_MS: '700' });
  const wire = await Wire.open(quick, `/app/${APP.key}`);
  await wire.first();
  wire.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
  const { frames, closing } = await wire.rest();
  expect(frames.map(({ event }) => event).slice(1)).toEqual(['pusher:ping', 'pusher:error']);
  expect(closing.code).toBe(1006);
  await quick.close();
});

test('11.1 delivers a client event only to clients of the same app', async () => {
  const two = await startStandIn({ ...APP_ENV, STAND_IN_MORE_APPS: JSON.stringify([secondApp.app]) });
  const wires = await Promise.all(
    [APP.key, secondApp.app.key].map((key) => Wire.open(two, `/app/${key}?protocol=7`)),
  );
  for (const wire of wires) {
    await wire.first();
    wire.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
    await wire.first();
  }
  wires[0]?.send({ event: 'client-x', channel: 'orders', data: { n: 1 } });
  await wires[0]?.settle();
  expect(await wires[1]?.settle()).toEqual([]);
  await Promise.all(wires.map((wire) => wire.close()));
  await two.close();
});
