import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Canary } from '../../src/cutover/watch/canary.ts';
import type { Side } from '../../src/cutover/ports.ts';
import type { ProbeSite } from '../../src/cutover/probe/probe-site.ts';
import { publishAtSite } from '../../src/cutover/probe/probe-site.ts';
import type { Server } from '../../src/server/index.ts';
import { FakeLogger } from '../core/fakes.ts';
import { eventually, Wire } from '../support/wire.ts';
import { freePort } from '../support/free-port.ts';
import {
  type FaultyProxy,
  probeSiteAt,
  startFaultyProxy,
  startSilentServer,
  startServerInProcess,
} from './faulty-servers.ts';

const WELL = { wavehall: expect.any(Number) as number, upstream: expect.any(Number) as number };
/** Long enough for a loaded machine where events must come, short where they must not. */
const PATIENT_MS = 10_000;
const IMPATIENT_MS = 400;

let wavehall: Server;
let upstream: Server;
let faulty: FaultyProxy;
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  [wavehall, upstream] = await Promise.all([startServerInProcess(), startServerInProcess()]);
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
afterAll(() => Promise.all([wavehall.stop(), upstream.stop()]));

interface Opening {
  readonly sites?: Partial<Record<Side, ProbeSite>>;
  readonly timeoutMs?: number;
  readonly graceMs?: number;
  readonly isFull?: () => boolean;
}

function open({ sites, timeoutMs = PATIENT_MS, graceMs = 0, isFull }: Opening = {}) {
  const told: string[] = [];
  const note = (what: string, ok: boolean) => void told.push(`${what} ${ok ? 'ok' : 'failed'}`);
  const logger = new FakeLogger();
  const canary = new Canary({
    sites: { wavehall: probeSiteAt(wavehall.port), upstream: probeSiteAt(upstream.port), ...sites },
    sink: {
      connect: (side, ok) => note(`connect ${side}`, ok),
      subscribe: (side, ok) => note(`subscribe ${side}`, ok),
      canary: (from, to, ok, ms) => {
        expect(ms).toBeGreaterThanOrEqual(0);
        note(`${from}→${to}`, ok);
      },
    },
    logger,
    limits: { canaryEveryMs: 1000, canaryTimeoutMs: timeoutMs },
    bridgeGraceMs: graceMs,
    ...(isFull && { isFull }),
  });
  ends.push(() => canary.stop());
  return { canary, told, logger };
}

/** Both sides are one server: the best bridge there is. */
const oneServer = () => ({ wavehall: probeSiteAt(wavehall.port), upstream: probeSiteAt(wavehall.port) });

const faultyAt = async (server: Server): Promise<ProbeSite> => {
  faulty = await startFaultyProxy(server.port);
  ends.push(() => faulty.close());
  return probeSiteAt(faulty.port);
};

describe('events that travel the whole road', () => {
  test('11.14 are published at each side and seen at both', async () => {
    const { canary, told } = open({ sites: oneServer() });
    expect(await canary.round()).toEqual({
      wavehall: { wavehall: expect.any(Number), upstream: expect.anything() },
      upstream: { wavehall: expect.anything(), upstream: expect.any(Number) },
    });
    expect(await canary.round()).toEqual({ wavehall: WELL, upstream: WELL });
    expect(told.slice(0, 4).sort()).toEqual([
      'connect upstream ok',
      'connect wavehall ok',
      'subscribe upstream ok',
      'subscribe wavehall ok',
    ]);
    expect(told.slice(-4)).toEqual([
      'wavehall→wavehall ok',
      'wavehall→upstream ok',
      'upstream→wavehall ok',
      'upstream→upstream ok',
    ]);
    expect(canary.status().doubled).toEqual({ wavehall: 0, upstream: 0 });
  });

  test('11.14 are kept apart when rounds overlap', async () => {
    const { canary } = open({ sites: oneServer() });
    await canary.round();
    const rounds = await Promise.all(Array.from({ length: 10 }, () => canary.round()));
    expect(rounds).toEqual(Array.from({ length: 10 }, () => ({ wavehall: WELL, upstream: WELL })));
    expect(canary.status().rounds).toBe(11);
  });

  test('11.14 are published each second while it runs, and not any more when it has stopped', async () => {
    const logger = new FakeLogger();
    let seen = 0;
    const canary = new Canary({
      sites: oneServer(),
      sink: { connect: () => undefined, subscribe: () => undefined, canary: () => (seen += 1) },
      logger,
      limits: { canaryEveryMs: 20, canaryTimeoutMs: PATIENT_MS },
    });
    canary.start();
    await eventually(
      () => Promise.resolve(seen >= 8),
      () => 'eight events',
    );
    await canary.stop();
    const { rounds } = canary.status();
    const afterwards = seen;
    await eventually(
      () => Promise.resolve(wavehall.connections() === 0),
      () => 'no probe is left',
    );
    expect([canary.status().rounds, seen]).toEqual([rounds, afterwards]);
    expect(logger.warnings).toEqual([]);
  });
});

describe('whose fault it is', () => {
  test('11.14 where nothing crosses although both sides deliver, it is the bridge’s', async () => {
    const { canary, told } = open({ timeoutMs: 3000 });
    await canary.round();
    expect(await canary.round()).toEqual({
      wavehall: { wavehall: expect.any(Number), upstream: 'lost' },
      upstream: { wavehall: 'lost', upstream: expect.any(Number) },
    });
    expect(told.slice(-4)).toEqual([
      'wavehall→wavehall ok',
      'wavehall→upstream failed',
      'upstream→wavehall failed',
      'upstream→upstream ok',
    ]);
  });

  test('11.14 but the bridge has time to come back after either side did', async () => {
    const { canary } = open({ timeoutMs: IMPATIENT_MS, graceMs: 3_600_000 });
    await canary.round();
    const round = await canary.round();
    expect([round.wavehall.upstream, round.upstream.wavehall]).toEqual(['unclear', 'unclear']);
  });

  test('11.14 a server that is away answers for itself, and not for the other one', async () => {
    const gone = probeSiteAt(await freePort());
    const { canary, told } = open({ sites: { upstream: gone } });
    expect(await canary.round()).toEqual({
      wavehall: { wavehall: expect.any(Number), upstream: 'unclear' },
      upstream: { wavehall: 'unclear', upstream: 'lost' },
    });
    expect(told.filter((each) => each.startsWith('connect upstream'))).toEqual(['connect upstream failed']);
    expect(told.slice(-2)).toEqual(['wavehall→wavehall ok', 'upstream→upstream failed']);
  });

  test('11.14 the same holds when it is this one', async () => {
    const { canary, told } = open({ sites: { wavehall: probeSiteAt(await freePort()) } });
    expect(await canary.round()).toEqual({
      wavehall: { wavehall: 'lost', upstream: 'unclear' },
      upstream: { wavehall: 'unclear', upstream: expect.any(Number) },
    });
    expect(told).toContain('connect wavehall failed');
    expect(told).not.toContain('connect upstream failed');
  });

  test('11.14 a server that lets no newcomer in is found by a new connect, although the old one goes on', async () => {
    const { canary, told } = open({
      sites: { wavehall: await faultyAt(wavehall), upstream: probeSiteAt(wavehall.port) },
    });
    await canary.round();
    await canary.tryConnect();
    expect(told.filter((each) => each === 'connect wavehall ok')).toHaveLength(2);
    faulty.fault = 'no-upgrade';
    await canary.tryConnect();
    expect(told.at(-1)).toBe('connect wavehall failed');
    expect((await canary.round()).wavehall.wavehall).toEqual(expect.any(Number));
  });

  test('11.14 one that is full answers for nothing: how many come is for clients to decide', async () => {
    const full = await startServerInProcess({ REVERB_APP_MAX_CONNECTIONS: '1' });
    ends.push(() => full.stop());
    const probe = await Wire.open({ host: '127.0.0.1', port: full.port }, '/app/app-key?protocol=7');
    await probe.next('pusher:connection_established');
    const { canary, told } = open({
      sites: { upstream: probeSiteAt(full.port), wavehall: probeSiteAt(full.port) },
    });
    await canary.tryConnect();
    expect(await canary.round()).toEqual({
      wavehall: { wavehall: 'unclear', upstream: 'unclear' },
      upstream: { wavehall: 'unclear', upstream: 'unclear' },
    });
    expect(told).toEqual([]);
    await probe.close();
  });

  test('11.14 while memory is short, a newcomer that is not let in says nothing', async () => {
    const { canary, told } = open({
      sites: { wavehall: await faultyAt(wavehall) },
      isFull: () => faulty.fault === 'no-upgrade',
    });
    faulty.fault = 'no-upgrade';
    await canary.tryConnect();
    expect(told).toEqual([]);
  });

  test('11.14 a server that takes connections and says nothing is away', async () => {
    const frozen = await startSilentServer();
    ends.push(() => frozen.close());
    const { canary, told } = open({ sites: { upstream: probeSiteAt(frozen.port) }, timeoutMs: 1000 });
    const { wavehall: ours, upstream: theirs } = await canary.round();
    expect([ours.upstream, theirs.wavehall, theirs.upstream]).toEqual(['unclear', 'unclear', 'lost']);
    expect(told).toContain('connect upstream failed');
  });

  test('11.14 a server whose API answers 500 answers for itself; our own delivery goes on', async () => {
    const { canary } = open({ sites: { upstream: await faultyAt(wavehall) } });
    await canary.round();
    faulty.fault = 'http-500';
    expect(await canary.round()).toEqual({
      wavehall: WELL,
      upstream: { wavehall: 'unclear', upstream: 'lost' },
    });
  });

  test.each(['http-silent', 'deaf'] as const)(
    '11.14 so it is when it takes no events or brings none: %s',
    async (fault) => {
      const { canary, told } = open({ sites: { upstream: await faultyAt(wavehall) }, timeoutMs: 1500 });
      await canary.round();
      faulty.fault = fault;
      expect((await canary.round()).upstream.upstream).toBe('lost');
      expect(told.filter((each) => each.endsWith('failed'))).toEqual(['upstream→upstream failed']);
    },
  );

  test('11.14 our own delivery is found broken although the other side is well', async () => {
    const { canary, told } = open({ sites: { wavehall: await faultyAt(upstream) }, timeoutMs: 1500 });
    await canary.round();
    faulty.fault = 'deaf';
    told.length = 0;
    await canary.round();
    expect(told.filter((each) => each.endsWith('failed'))).toEqual(['wavehall→wavehall failed']);
    expect(told).toContain('upstream→upstream ok');
  });
});

describe('its connections', () => {
  test('11.14 are made again when they ended', async () => {
    const { canary, told } = open({ sites: { upstream: await faultyAt(wavehall) } });
    await canary.round();
    faulty.fault = 'no-upgrade';
    faulty.drop();
    await eventually(
      async () => {
        await canary.round();
        return told.includes('connect upstream failed');
      },
      () => 'the end of the connection is known',
    );
    faulty.fault = 'none';
    expect((await canary.round()).upstream.upstream).toEqual(expect.any(Number));
    expect(faulty.sockets()).toBe(1);
  });

  test('11.14 a dead one is given up after three lost events, and the next one hears again', async () => {
    const { canary } = open({ sites: { upstream: await faultyAt(wavehall) }, timeoutMs: 1500 });
    await canary.round();
    expect(faulty.sockets()).toBe(1);
    faulty.fault = 'deaf';
    await Promise.all([canary.round(), canary.round(), canary.round()]);
    await eventually(
      () => Promise.resolve(faulty.sockets() === 0),
      () => 'the dead connection is given up',
    );
    faulty.fault = 'none';
    expect((await canary.round()).upstream.upstream).toEqual(expect.any(Number));
  });

  test('11.14 end at once when it stops, also while one is being made', async () => {
    const frozen = await startSilentServer();
    ends.push(() => frozen.close());
    const { canary, told } = open({ sites: { upstream: probeSiteAt(frozen.port) }, timeoutMs: 3_600_000 });
    const round = canary.round();
    await eventually(
      () => Promise.resolve(wavehall.connections() === 1),
      () => 'the other probe is there',
    );
    await canary.stop();
    expect(await round).toMatchObject({ upstream: { upstream: 'unclear' } });
    expect(told).not.toContain('upstream→upstream failed');
  });
});

describe('what is set wrongly', () => {
  test('11.17 an unknown key or a wrong secret is said once, with the name of the setting, and counts for nobody', async () => {
    const credential = { key: 'app-key', secret: 'another' };
    const { canary, told, logger } = open({
      sites: { upstream: probeSiteAt(wavehall.port, { credential }) },
    });
    for (let at = 0; at < 3; at += 1)
      expect((await canary.round()).upstream).toEqual({ wavehall: 'unclear', upstream: 'unclear' });
    expect(told.filter((each) => each.endsWith('failed'))).toEqual([]);
    expect(logger.warnings.map(({ what }) => what)).toEqual([
      'Cutover: the canary cannot measure the upstream: HTTP 401. See WAVEHALL_CUTOVER_UPSTREAM: the upstream must have the same app id, key and secret.',
    ]);
    expect(canary.status().notAllowed).toEqual({ wavehall: null, upstream: 'HTTP 401' });
  });

  test('11.17 so is a key that the other server does not know, and an origin that it refuses', async () => {
    const credential = { key: 'nobody', secret: 'app-secret' };
    const unknown = open({ sites: { upstream: probeSiteAt(upstream.port, { credential }) } });
    await unknown.canary.round();
    expect(unknown.logger.warnings[0]?.what).toMatch(/Application does not exist \(4001\).*_UPSTREAM/);

    const strict = await startServerInProcess({ WAVEHALL_APPS: STRICT });
    ends.push(() => strict.stop());
    const refused = open({ sites: { upstream: probeSiteAt(strict.port, { origin: 'https://other.test' }) } });
    expect((await refused.canary.round()).upstream.upstream).toBe('unclear');
    expect(refused.logger.warnings[0]?.what).toMatch(/Origin not allowed \(4009\).*WAVEHALL_CUTOVER_ORIGIN/);
    const shop = probeSiteAt(strict.port, { origin: 'https://shop.test' });
    const letIn = open({ sites: { wavehall: shop, upstream: shop } });
    expect((await letIn.canary.round()).upstream.upstream).toEqual(expect.any(Number));
  });
});

test('11.14 an event that comes twice is counted', async () => {
  const channels: string[] = [];
  const { canary } = open({ sites: oneServer() });
  await canary.round();
  const site = probeSiteAt(wavehall.port);
  const listed = await fetchChannels(site);
  channels.push(...listed);
  expect(channels).toEqual([expect.stringMatching(/^wavehall-canary-[0-9a-f]{16}$/)]);
  const event = { name: 'canary', channel: channels[0] ?? '', data: '{"event_id":"1:wavehall"}' };
  expect((await publishAtSite(site, event, { timeoutMs: PATIENT_MS })).status).toBe(200);
  await eventually(
    () => Promise.resolve(canary.status().doubled.wavehall === 1),
    () => 'the second copy is seen',
  );
  await eventually(
    () => Promise.resolve(canary.status().doubled.upstream === 1),
    () => 'the second copy is seen at the other side',
  );
});

const STRICT = JSON.stringify([
  { app_id: 'app-id', key: 'app-key', secret: 'app-secret', allowed_origins: ['shop.test'] },
]);

async function fetchChannels(site: ProbeSite): Promise<string[]> {
  const { signHttp } = await import('#protocol');
  const path = `/apps/${site.appId}/channels`;
  const timestampSeconds = Math.floor(Date.now() / 1000);
  const query = signHttp(site.credential, { method: 'GET', path, timestampSeconds });
  const answer = await fetch(new URL(`${path}?${query}`, site.url));
  return Object.keys(((await answer.json()) as { channels: object }).channels);
}
