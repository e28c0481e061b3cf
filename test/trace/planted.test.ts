/** Wrong set-ups by stock clients and SDKs against a real server: `wavehall trace` names the fault of each. */
import { expect, test, vi } from 'vitest';
import { LONG_MS } from '../cli/operated-server.ts';
import { CHANNELS } from './set-ups/channels.ts';
import { CLIENT_EVENTS } from './set-ups/client-events.ts';
import { CLIENTS } from './set-ups/clients.ts';
import { PUBLISHERS } from './set-ups/publishers.ts';
import { findingOf, openSite, trace } from './site.ts';

vi.setConfig({ testTimeout: 4 * LONG_MS });

const SET_UPS = [...PUBLISHERS, ...CHANNELS, ...CLIENTS, ...CLIENT_EVENTS];

test.each(SET_UPS)('16.5 $cause is named when $fault', async ({ cause, says, env, plant }) => {
  const site = await openSite(env);
  expect(await findingOf(site.server, await plant(site), cause)).toMatch(says);
});

test('16.5 at least twenty faults are planted, each another one', () => {
  expect(SET_UPS.length).toBeGreaterThan(20);
  expect(new Set(SET_UPS.map(({ fault }) => fault)).size).toBe(SET_UPS.length);
});

test('16.5 of a set-up without a fault nothing is found but who got it, and what to check', async () => {
  const site = await openSite();
  await site.pageOn('private-orders', 'presence-room');
  for (const channel of ['private-orders', 'presence-room']) {
    const words = await site.publish(channel);
    expect(await findingOf(site.server, words, 'delivered')).toMatch(
      /^1 socket got it \(1 on .+\/\d+\), as event 1 of the channel$/,
    );
    const causes = (await trace(site.server, words)).map(({ cause }) => cause);
    expect(causes).toEqual(['delivered', 'check_event']);
  }
});
