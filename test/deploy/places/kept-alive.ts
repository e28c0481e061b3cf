/** Steps that every supervisor of processes must pass: started, killed, drained. */
import { expect } from 'vitest';
import { isRunning } from '../../support/processes.ts';
import { appAt } from '../../support/app.ts';
import { eventually, Wire } from '../../support/wire.ts';
import { publisher } from '../../support/wire-http.ts';

const START_MS = 30_000;
/** Drain of the tests, in seconds: long enough that an abrupt end cannot be mistaken for it. */
export const DRAIN_SECONDS = 2;

const isUp = async (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/ready`).then(
    ({ ok }) => ok,
    () => false,
  );

/** Waits until the server is ready. */
export const becomesReady = (port: number, output: () => string): Promise<void> =>
  eventually(
    () => isUp(port),
    () => `the server is ready:\n${output()}`,
    START_MS,
  );

/** Connects a client, and delivers an event to it. */
export async function connectAndPublish(port: number): Promise<Wire> {
  const app = appAt({ host: '127.0.0.1', port });
  const wire = await Wire.open(app, `/app/${app.key}?protocol=7`);
  await wire.next('pusher:connection_established');
  wire.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
  await wire.next('pusher_internal:subscription_succeeded');
  const answer = await publisher(app).post('/events', { name: 'paid', channel: 'orders', data: '{}' });
  expect(answer.status).toBe(200);
  await wire.next('paid');
  return wire;
}

export interface Supervised {
  readonly port: number;
  /** Returns the process id of the server. */
  readonly pid: () => Promise<number>;
  /** Stops the server through its supervisor; resolves when the supervisor is done. */
  readonly stop: () => Promise<void>;
  readonly output: () => string;
}

/** Kills the server with SIGKILL, and expects another one in its place. */
export async function expectRestart({ port, pid, output }: Supervised): Promise<void> {
  const before = await pid();
  const wire = await connectAndPublish(port);
  process.kill(before, 'SIGKILL');
  expect((await wire.closing()).code).toBe(1006);
  await eventually(
    async () => {
      const now = await pid().catch(() => 0);
      return now > 0 && now !== before;
    },
    () => `another process:\n${output()}`,
    START_MS,
  );
  await becomesReady(port, output);
}

/** Stops the server, and expects that its clients get 4200 and that it ends by itself within `limitMs`. */
export async function expectDrain(supervised: Supervised, limitMs: number): Promise<void> {
  const { port, pid, stop, output } = supervised;
  const process = await pid();
  const clients = await Promise.all(Array.from({ length: 5 }, () => connectAndPublish(port)));
  const startedMs = Date.now();
  const stopped = stop();
  const closings = await Promise.all(clients.map((wire) => wire.closing(limitMs)));
  await stopped;
  expect(
    closings.map(({ code }) => code),
    output(),
  ).toEqual(clients.map(() => 4200));
  expect(isRunning(process)).toBe(false);
  expect(Date.now() - startedMs).toBeLessThan(limitMs);
  expect(await isUp(port)).toBe(false);
}
