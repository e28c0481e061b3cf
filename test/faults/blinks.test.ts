/** Connections to Redis that break again and again: no kind of channel loses an event. */
import { expect } from 'vitest';
import { fault, report } from './fault-run.ts';
import { sleep } from '../../src/core/util/time.ts';

/** For a longer run by hand: FAULT_CUT_SECONDS=60. */
const SECONDS = Number(process.env.FAULT_CUT_SECONDS ?? 12);
const KINDS = [
  'news',
  'private-news',
  'presence-news',
  'cache-news',
  'private-cache-news',
  'presence-cache-news',
];
/** A lease so long that no node is cleaned up during the fault. */
const longLease = { env: { WAVEHALL_LEASE_SECONDS: '12' } };

fault(
  `3.13 F20 connections cut every second for ${SECONDS} s: no kind of channel loses an event`,
  longLease,
  async (run) => {
    const channels = KINDS.map((kind) => run.name(kind));
    const clients = await run.connectClients(2, channels);
    const stop = run.load(channels, 10);
    for (let second = 0; second < SECONDS; second += 1) {
      for (const { proxy } of run.cluster.nodes) proxy.cut();
      await sleep(1000);
    }
    await run.cluster.ready();
    await stop();
    await run.settled({ withinMs: 20_000 });
    for (const channel of channels) {
      const accepted = run.recorder.accepted(channel).length;
      const missed = run.recorder.missed().filter((each) => each.channel === channel).length;
      report(`F20 ${channel}`, { accepted, deliveries: accepted * clients.length, lost: missed });
      expect(accepted).toBeGreaterThan(SECONDS);
      expect(missed).toBe(0);
    }
    await run.emptied();
  },
  60_000 + 2000 * SECONDS,
);

fault(
  '3.13 F20 connections down for 6 s: no kind of channel loses an event that other nodes publish meanwhile',
  longLease,
  async (run) => {
    const channels = KINDS.map((kind) => run.name(kind));
    await run.connectClients(2, channels);
    const stop = run.load(channels, 20);
    const { proxy } = run.node(1);
    proxy.isRefusing = true;
    proxy.cut();
    const before = run.recorder.accepted().length;
    await sleep(6000);
    proxy.heal();
    await run.cluster.ready();
    await stop();
    expect(run.recorder.accepted().length).toBeGreaterThan(before + 100);
    await run.settled({ withinMs: 20_000 });
    expect(run.recorder.missed()).toEqual([]);
    await run.emptied();
  },
);
