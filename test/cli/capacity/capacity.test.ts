import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Capacity } from '../../../src/cli/capacity/index.ts';
import { capacityTable } from '../../../src/cli/capacity/table.ts';
import { APP_VARIABLES } from '../../support/app.ts';
import { startServer } from '../../support/server.ts';
import { Wire } from '../../support/wire.ts';
import { cleanEnvironment, MAIN, type Outcome, run } from '../command.ts';

const SOCKETS = 600;
/** The measurement is short, and this machine may be busy. */
const FACTOR = 4;

const rssKib = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? NaN);

/** Runs the command with more time than other commands have: it measures. */
const measured = (args: readonly string[]): Promise<Outcome> =>
  new Promise((resolve) => {
    execFile(
      process.execPath,
      [MAIN, ...args],
      { env: cleanEnvironment(), timeout: 90_000 },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
  });

test('the capacity of this machine is plausible beside really opened sockets', async () => {
  const asked = ['--connections', '50000', '--events-per-second', '100', '--subscribers-per-event', '20'];
  const { code, stdout, stderr } = await measured(['capacity', '--seconds', '1', ...asked]);
  expect([code, stderr]).toEqual([0, '']);
  const found = JSON.parse(stdout) as Capacity;
  const { limits, events, need } = found;
  for (const value of Object.values(found.measured)) expect(value).toBeGreaterThan(0);
  expect(found.givesOutFirst).toBe(limits[0]?.of);
  expect(found.sockets).toBe(Math.min(...limits.map(({ sockets }) => sockets)));
  expect(events.map(({ subscribers }) => subscribers)).toEqual([1, 10, 20, 100, 1000]);
  expect(need?.nodes).toBeGreaterThanOrEqual(1);
  expect(await memoryOfSocket()).toBeLessThan(found.costs.socketKib * FACTOR);
  expect(capacityTable(found)).toMatch(
    /gives out first[^]+50,000 connections, 100 events\/s to 20 subscribers each/,
  );
}, 120_000);

/** Growth of a server in KiB for one socket, without garbage collection. */
async function memoryOfSocket(): Promise<number> {
  const server = await startServer(APP_VARIABLES);
  try {
    const address = { host: '127.0.0.1', port: server.port };
    const open = () => Wire.open(address, `/app/${APP_VARIABLES.REVERB_APP_KEY}?protocol=7`);
    const all: Wire[] = [];
    while (all.length < 50) all.push(await open());
    const before = rssKib(server.pid);
    while (all.length < SOCKETS) all.push(await open());
    return (rssKib(server.pid) - before) / (SOCKETS - 50);
  } finally {
    await server.close();
  }
}

test.each([
  [['--connections', 'many'], '--connections "many": expected a whole number from 0 to 1,000,000,000'],
  [
    ['--events-per-second', '-1'],
    '--events-per-second "-1": expected a whole number from 0 to 1,000,000,000',
  ],
  [['--subscribers-per-event', '0'], '--subscribers-per-event "0": expected a whole number from 1'],
  [['--payload-bytes', '10001'], '--payload-bytes "10001": expected a whole number from 1 to 10,000'],
  [['--seconds', '61'], '--seconds "61": expected a whole number from 1 to 60'],
])('%s is refused with a sentence and exit code 1', async (args, sentence) => {
  const { code, stdout, stderr } = await run(['capacity', ...args]);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain(`wavehall: ${sentence}`);
});

test('too few open files are refused with a sentence', () => {
  const limited = spawnSync(
    'sh',
    ['-c', `ulimit -n 150; exec ${process.execPath} ${MAIN} capacity --seconds 1`],
    {
      encoding: 'utf8',
      timeout: 30_000,
    },
  );
  expect([limited.status, limited.stdout]).toEqual([1, '']);
  expect(limited.stderr).toBe('wavehall: ulimit -n 150: expected at least 300 open files\n');
}, 40_000);
