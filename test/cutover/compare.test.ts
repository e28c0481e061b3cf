import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { APP } from '../support/app.ts';
import { compare, type CompareOptions, type Phase } from '../../src/cutover/compare/compare.ts';
import type { Side } from '../../src/cutover/ports.ts';
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
  const gone = () => Promise.resolve(wavehall.connections() + upstream.connections() === 0);
  await eventually(gone, () => 'no probe is left');
  await Promise.all([wavehall.stop(), upstream.stop()]);
});

async function say(side: Side, name: string, data: unknown, channel = 'orders'): Promise<void> {
  const event = { name, channel, data: JSON.stringify(data) };
  expect((await publishAtSite(sites[side], event, { timeoutMs: 10_000 })).status).toBe(200);
}
const both = (name: string, data: unknown, channel?: string) =>
  Promise.all([say('wavehall', name, data, channel), say('upstream', name, data, channel)]);

/** While it listens, what the test says happens; nothing waits for a time. */
const during = (listen: () => unknown, changes: Partial<CompareOptions> = {}) =>
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
  test('11.16 when both sides brought the same on every kind of channel', async () => {
    const channels = ['orders', 'private-orders', 'cache-orders', 'private-encrypted-orders'];
    const comparison = await during(
      async () => {
        for (let at = 0; at < 5; at += 1)
          for (const channel of channels) await both('changed', { at }, channel);
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

  test('11.16 data is the same when a browser sees the same', async () => {
    const comparison = await during(async () => {
      await say('wavehall', 'changed', { list: {}, text: 'é' });
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
    '11.16 without somebody who is there ($member) they are not listened to, and it says so',
    async ({ member, reason }) => {
      const wires = [
        await joinPresenceChannel(wavehall.port, 'presence-orders', 'ada'),
        await joinPresenceChannel(upstream.port, 'presence-orders', 'ada'),
      ];
      const comparison = await during(() => both('changed', 1, 'presence-orders'), {
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

  test('11.16 as a further connection of somebody who is there they are compared, and nobody notices', async () => {
    const wires = [
      await joinPresenceChannel(wavehall.port, 'presence-orders', 'ada'),
      await joinPresenceChannel(upstream.port, 'presence-orders', 'ada'),
    ];
    const comparison = await during(() => both('changed', 1, 'presence-orders'), {
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
  test('11.16 when something is missing, doubled or different, each told by side', async () => {
    const comparison = await during(async () => {
      await both('a', 1);
      await say('wavehall', 'only-here', 2);
      await both('b', 3);
      await say('upstream', 'b', 3);
      await Promise.all([say('wavehall', 'c', 'x'), say('upstream', 'c', 'y')]);
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
    const comparison = await during(
      async () => {
        await say('wavehall', 'a', 1);
        await sleep(30);
        await say('upstream', 'a', 1);
      },
      { maxBehindMs: 5 },
    );
    expect(comparison.reasons).toEqual([
      expect.stringMatching(/^orders: the upstream is \d+ ms behind \(p99; limit 5 ms\)\.$/),
    ]);
  });

  test('11.16 when nothing was published: that proves nothing', async () => {
    const comparison = await during(() => undefined);
    expect(comparison.reasons).toEqual([
      'Nothing was published on these channels meanwhile, so nothing could be compared.',
    ]);
  });

  test('11.16 when a side cannot be reached', async () => {
    const comparison = await during(() => undefined, {
      sites: { ...sites, upstream: probeSiteAt(await freePort()) },
    });
    expect(comparison).toMatchObject({ isGo: false, channels: {} });
    expect(comparison.reasons).toEqual([
      expect.stringMatching(/^no connection to the upstream: .*ECONNREFUSED/),
    ]);
  });

  test('11.16 when a side refuses a channel, whose name is told; the others are compared', async () => {
    const credential = { ...APP, secret: 'another' };
    const comparison = await during(() => both('a', 1, 'orders'), {
      sites: { ...sites, upstream: probeSiteAt(upstream.port, { credential }) },
      channels: ['private-a', 'private-b', 'orders'],
    });
    expect(comparison.reasons).toEqual([
      'no subscription to private-a at the upstream: Connection is unauthorized (401).',
      'no subscription to private-b at the upstream: Connection is unauthorized (401).',
    ]);
    expect(comparison.channels.orders).toMatchObject({ same: 1 });
  });

  test('11.16 when a connection ends before the end', async () => {
    const faulty = await startFaultyProxy(upstream.port);
    const comparison = await during(
      async () => {
        await both('a', 1);
        faulty.drop();
      },
      { sites: { ...sites, upstream: probeSiteAt(faulty.port) } },
    );
    await faulty.close();
    expect(comparison.reasons.join('\n')).toMatch(/connection to the upstream lost/);
    expect(comparison.isGo).toBe(false);
  });
});
