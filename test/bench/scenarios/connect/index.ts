/**
 * The figures that an operator plans with, each against its goal: connections that fail, memory and latency of many
 * connections, events per second, and the CPU of a usual number of users. Each part has a new server.
 */
import type { Bench, Scenario } from '../../bench.ts';
import { type Contestant, startWavehall } from '../../contestants.ts';
import type { Row } from '../../figures.ts';
import { connections } from './connections.ts';
import { events } from './events.ts';
import { users } from './users.ts';

type Part = (bench: Bench, wavehall: Contestant) => Promise<Row[]>;

const PARTS: readonly Part[] = [connections, events, users];

export const connect: Scenario = {
  name: 'connect',
  title: 'Many connections, events and users on one process',
  async run(bench) {
    const rows: Row[] = [];
    for (const part of PARTS) {
      const wavehall = await startWavehall({ core: bench.setting.pinning.server });
      try {
        rows.push(...(await part(bench, wavehall)));
      } finally {
        await wavehall.close();
      }
    }
    return rows;
  },
};
