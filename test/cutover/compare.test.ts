import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { APP } from '../support/app.ts';
import { compare, type CompareOptions, type Phase } from '../../src/cutover/compare/compare.ts';
import type { Side } from '../../src/cutover/sides.ts';
import { type ProbeSite, publishAtSite } from '../../src/cutover/probe/probe-site.ts';
import type { Server } from '../../src/server/index.ts';
import { eventually } from '../support/wire.ts';
import { freePort } from '../support/free-port.ts';
import {
  joinPresenceChannel,
  probeSiteAt,
  startFaultyProxy,
  startServerInProcess,
} from './faulty-servers.ts';
import { sleep } from '../../src/core/util/time.ts';

let wavehall: Server;
let upstream: Server;
let sites: Record<Side, ProbeSite>;

beforeAll(async () => {
  [wavehall, upstream] = await Promise.all([startServerInProcess(), startServerInProcess()]);
  sites = { wavehall: probeSiteAt(wavehall.port), upstream: probeSiteAt(upstream.port) };
});
afterAll(async () => {
  const isEveryProbeClosed = () => Promise.resolve(wavehall.connections() + upstream.connections() === 0);
  await eventually(isEveryProbeClosed, () => 'every probe is closed');
  await Promise.all([wavehall.stop(), upstream.stop()]);
});

async function publishOn(side: Side, name: string, data: unknown, channel = 'orders'): Promise<void> {
  const event = { name, channel, data: JSON.stringify(data) };
  expect((await publishAtSite(sites[side], event, { timeoutMs: 10_000 })).status).toBe(200);
}
const publishOnBoth = (name: string, data: unknown, channel?: string) =>
  Promise.all([publishOn('wavehall', name, data, channel), publishOn('upstream', name, data, channel)]);

/** Compares while the test's actions run, without waiting for the set time. */
const compareDuring = (listen: () => unknown, changes: Partial<CompareOptions> = {}) =>
  compare({
    sites,
    channels: ['orders'],
    listenMs: 60_000,
    wait: async (phase: Phase) => {
      if (phase === 'listen') await listen();
    },
    ...changes,
  });

const NOTHING = { wavehall: 0, upstream: 0 };

describe('go', () => {
  test('11.16 when both sides delivered the same events on every kind of channel', async () => {
    const channels = ['orders', 'private-orders', 'cache-orders', 'private-encrypted-orders'];
    const comparison = await compareDuring(
      async () => {
        for (let at = 0; at < 5; at += 1)
          for (const channel of channels) await publishOnBoth('changed', { at }, channel);
      },
      { channels },
    );
    expect(comparison).toMatchObject({ isGo: true, reasons: [] });
    expect(Object.keys(comparison.channels)).toEqual(channels);
    for (const found of Object.values(comparison.channels))
      expect(found).toMatchObject({
        same: 5,
        missing: NOTHING,
        doubled: NOTHING,
        different: 0,
        reordered: 0,
      });
  });

  test('11.16 when data differs only in a form that browsers decode alike', async () => {
    const comparison = await compareDuring(async () => {
      await publishOn('wavehall', 'changed', { list: {}, text: 'é' });
      const raw = { name: 'changed', channel: 'orders', data: '{"list": [], "text":"\\u00e9"}' };
      expect((await publishAtSite(sites.upstream, raw, { timeoutMs: 10_000 })).status).toBe(200);
    });
    expect(comparison).toMatchObject({ isGo: true, channels: { orders: { same: 1 } } });
  });
});

describe('presence channels', () => {
  test.each([
    { member: undefined, reason: 'name one of them with --member' },
    { member: 'nobody', reason: 'nobody is not on it now' },
  ])(
    '11.16 are left out with a reason when no present member is named ($member)',
    async ({ member, reason }) => {
      const wires = [
        await joinPresenceChannel(wavehall.port, 'presence-orders', 'ada'),
        await joinPresenceChannel(upstream.port, 'presence-orders', 'ada'),
      ];
      const comparison = await compareDuring(() => publishOnBoth('changed', 1, 'presence-orders'), {
        channels: ['presence-orders'],
        member,
      });
      expect(comparison.isGo).toBe(false);
      expect(comparison.reasons.join(' ')).toContain(reason);
      for (const wire of wires) {
        await wire.settle();
        expect(wire.texts.join(' ')).not.toContain('member_added');
        await wire.close();
      }
    },
  );

  test('11.16 are compared over a further connection of a present member, which the other members do not see', async () => {
    const wires = [
      await joinPresenceChannel(wavehall.port, 'presence-orders', 'ada'),
      await joinPresenceChannel(upstream.port, 'presence-orders', 'ada'),
    ];
    const comparison = await compareDuring(() => publishOnBoth('changed', 1, 'presence-orders'), {
      channels: ['presence-orders'],
      member: 'ada',
    });
    expect(comparison).toMatchObject({ isGo: true, channels: { 'presence-orders': { same: 1 } } });
    for (const wire of wires) {
      await wire.settle();
      expect(wire.texts.join(' ')).not.toMatch(/member_(added|removed)/);
      await wire.close();
    }
  });
});

describe('no go', () => {
  test('11.16 when events are missing, doubled or different, by side', async () => {
    const comparison = await compareDuring(async () => {
      await publishOnBoth('a', 1);
      await publishOn('wavehall', 'only-here', 2);
      await publishOnBoth('b', 3);
      await publishOn('upstream', 'b', 3);
      await Promise.all([publishOn('wavehall', 'c', 'x'), publishOn('upstream', 'c', 'y')]);
    });
    expect(comparison.isGo).toBe(false);
    expect(comparison.channels.orders).toMatchObject({
      same: 2,
      missing: { wavehall: 0, upstream: 1 },
      doubled: { wavehall: 0, upstream: 1 },
      different: 1,
    });
    expect(comparison.reasons).toEqual([
      'orders: 1 missing at the upstream.',
      'orders: 1 doubled at the upstream.',
      'orders: 1 different.',
    ]);
  });

  test('11.16 when a side is too far behind', async () => {
    const comparison = await compareDuring(
      async () => {
        await publishOn('wavehall', 'a', 1);
        await sleep(30);
        await publishOn('upstream', 'a', 1);
      },
      { maxBehindMs: 5 },
    );
    expect(comparison.reasons).toEqual([
      expect.stringMatching(/^orders: the upstream is \d+ ms behind \(p99; limit 5 ms\)\.$/),
    ]);
  });

  test('11.16 when nothing was published', async () => {
    const comparison = await compareDuring(() => undefined);
    expect(comparison.reasons).toEqual([
      'Nothing was published on these channels meanwhile, so nothing could be compared.',
    ]);
  });

  test('11.16 when a side cannot be reached', async () => {
    const comparison = await compareDuring(() => undefined, {
      sites: { ...sites, upstream: probeSiteAt(await freePort()) },
    });
    expect(comparison).toMatchObject({ isGo: false, channels: {} });
    expect(comparison.reasons).toEqual([
      expect.stringMatching(/^no connection to the upstream: .*ECONNREFUSED/),
    ]);
  });

  test('11.16 when a side refuses a channel; the report names it and compares the others', async () => {
    const credential = { ...APP, secret: 'another' };
    const comparison = await compareDuring(() => publishOnBoth('a', 1, 'orders'), {
      sites: { ...sites, upstream: probeSiteAt(upstream.port, { credential }) },
      channels: ['private-a', 'private-b', 'orders'],
    });
    expect(comparison.reasons).toEqual([
      'no subscription to private-a at the upstream: Connection is unauthorized (401).',
      'no subscription to private-b at the upstream: Connection is unauthorized (401).',
    ]);
    expect(comparison.channels.orders).toMatchObject({ same: 1 });
  });

  test('11.16 when a connection is lost during the comparison', async () => {
    const faulty = await startFaultyProxy(upstream.port);
    const comparison = await compareDuring(
      async () => {
        await publishOnBoth('a', 1);
        faulty.drop();
      },
      { sites: { ...sites, upstream: probeSiteAt(faulty.port) } },
    );
    await faulty.close();
    expect(comparison.reasons.join('\n')).toMatch(/connection to the upstream lost/);
    expect(comparison.isGo).toBe(false);
  });
});
