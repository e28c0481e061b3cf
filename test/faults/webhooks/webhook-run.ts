import { afterAll, expect, test } from 'vitest';
import { Cluster, type ClusterOptions } from '../../support/cluster.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { webhookVariables } from '../../support/webhooks.ts';
import { eventually } from '../../support/wire.ts';
import { checkDeliveries, type Verdict } from './checker.ts';
import { type FaultyReceiver, startFaultyReceiver } from './faulty-receiver.ts';
import { Lives } from './lives.ts';

const TRANSITIONS = ['channel_occupied', 'channel_vacated', 'member_added', 'member_removed'];
const SMOOTHING_MS = 100;
const LIMIT_MS = 60_000;

/** One fault: its receiver, and the clients whose transitions are due there. */
export interface WebhookRun {
  readonly receiver: FaultyReceiver;
  readonly lives: Lives;
  /** Waits until everything that was due is accepted. */
  delivered(): Promise<void>;
}

const table: Record<string, string | number>[] = [];

/** Prints one row for each fault, when all tests of the file have ended. */
export function printTable(): void {
  afterAll(() => console.table(table));
}

function check(fault: string, { receiver, lives }: WebhookRun): void {
  const verdict = checkDeliveries(lives.happened, receiver.arrivals);
  table.push({ fault, ...counts(verdict) });
  const { missing, invented, needless, outOfOrder } = verdict;
  expect({ missing, invented, needless, outOfOrder }).toEqual({
    missing: [],
    invented: [],
    needless: [],
    outOfOrder: [],
  });
}

const counts = ({ events, arrived, missing, duplicates, outOfOrder }: Verdict) => ({
  events,
  arrived,
  missing: missing.length,
  duplicates,
  'out of order': outOfOrder.length,
});

async function withRun(
  fault: string,
  scenario: (run: WebhookRun, env: Record<string, string>) => Promise<void>,
): Promise<void> {
  const receiver = await startFaultyReceiver();
  const lives = new Lives();
  const delivered = (): Promise<void> =>
    eventually(
      () => receiver.acceptedCount() >= lives.happened.length,
      () => `${receiver.acceptedCount()} of ${lives.happened.length} events are accepted`,
      LIMIT_MS,
    );
  const run = { receiver, lives, delivered };
  const endpoint = { name: 'faulty', url: receiver.url, event_types: TRANSITIONS };
  try {
    await scenario(run, webhookVariables([endpoint], SMOOTHING_MS));
    check(fault, run);
  } finally {
    lives.close();
    await receiver.stop();
  }
}

/** Defines the test of a fault of the receiver, with one server without Redis. */
export function receiverFault(
  fault: string,
  scenario: (run: WebhookRun, server: TestServer) => Promise<void>,
  env: Record<string, string> = {},
): void {
  test(`9.6 ${fault}`, { timeout: 2 * LIMIT_MS }, () =>
    withRun(fault, async (run, variables) => {
      const server = await startServer({ ...variables, ...env });
      try {
        await scenario(run, server);
      } finally {
        await server.close();
      }
    }),
  );
}

/** Defines the test of a fault of two nodes or of their Redis. */
export function clusterFault(
  fault: string,
  scenario: (run: WebhookRun, cluster: Cluster) => Promise<void>,
  { env = {}, ...options }: ClusterOptions = {},
): void {
  test(`9.6 ${fault}`, { timeout: 2 * LIMIT_MS }, () =>
    withRun(fault, async (run, variables) => {
      const cluster = await Cluster.start({ nodes: 2, ...options, env: { ...variables, ...env } });
      try {
        await scenario(run, cluster);
      } finally {
        await cluster.close();
      }
    }),
  );
}
