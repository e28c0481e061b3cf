/** Links to Redis that break again and again: no kind of channel loses an event. */
import { expect } from 'vitest';
import { fault, report } from './fault-run.ts';
import { sleep } from '../../src/core/util/time.ts';

/** By hand: FAULT_CUT_SECONDS=60. */
const SECONDS = Number(process.env.FAULT_CUT_SECONDS ?? 12);
const KINDS = [
  'news',
  'private-news',
  'presence-news',
  'cache-news',
  'private-cache-news',
  'presence-cache-news',
];
/** Lease so long that no node is cleaned up while the fault is on. */
const patient = { env: { WAVEHALL_LEASE_SECONDS: '12' } };

fault(
  `3.13 F20 links that are cut each second for ${SECONDS} s: no kind of channel loses an event, cache channels neither`,
  patient,
  async (stage) => {
    const channels = KINDS.map((kind) => stage.name(kind));
    const crowd = await stage.crowd(2, channels);
    const stop = stage.load(channels, 10);
    for (let second = 0; second < SECONDS; second += 1) {
      for (const { proxy } of stage.cluster.nodes) proxy.cut();
      await sleep(1000);
    }
    await stage.cluster.ready();
    await stop();
    await stage.settled({ withinMs: 20_000 });
    for (const channel of channels) {
      const accepted = stage.recorder.accepted(channel).length;
      const missed = stage.recorder.missed().filter((each) => each.channel === channel).length;
      report(`F20 ${channel}`, { accepted, deliveries: accepted * crowd.length, lost: missed });
      expect(accepted).toBeGreaterThan(SECONDS);
      expect(missed).toBe(0);
    }
    await stage.emptied();
  },
  60_000 + 2000 * SECONDS,
);

fault(
  '3.13 F20 connections that are down for 6 s: cache channels lose nothing that others publish meanwhile',
  patient,
  async (stage) => {
    const channels = KINDS.map((kind) => stage.name(kind));
    await stage.crowd(2, channels);
    const stop = stage.load(channels, 20);
    const { proxy } = stage.node(1);
    proxy.isRefusing = true;
    proxy.cut();
    const before = stage.recorder.accepted().length;
    await sleep(6000);
    proxy.heal();
    await stage.cluster.ready();
    await stop();
    expect(stage.recorder.accepted().length).toBeGreaterThan(before + 100);
    await stage.settled({ withinMs: 20_000 });
    expect(stage.recorder.missed()).toEqual([]);
    await stage.emptied();
  },
);
