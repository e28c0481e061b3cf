/**
 * Runs the conformance cases against three nodes: each connection and each request goes to a random node. Cases that need a
 * server with other settings, or that stop it, run on one node only.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Case } from '../conformance/case.ts';
import { cases } from '../conformance/cases/index.ts';
import { APP, APP_ENV } from '../conformance/settings.ts';
import { Cluster } from '../support/cluster.ts';
import { type Nginx, startNginx } from '../support/cluster-nginx.ts';
import { eventually } from '../support/wire.ts';
import { type LoadBalancer, startLoadBalancer } from './load-balancer.ts';
import { ClusterSite, MessageBarrier } from './cluster-site.ts';

const SETTLE_LIMIT_MS = 20_000;

let cluster: Cluster;
let barrier: MessageBarrier;
beforeAll(async () => {
  // The cases expect the default settings.
  cluster = await Cluster.start({ env: { ...APP_ENV, WAVEHALL_LEASE_SECONDS: '12' } });
  barrier = await MessageBarrier.open(
    cluster.nodes.map(({ server }) => ({ ...APP, host: '127.0.0.1', port: server.port, prefix: '' })),
  );
});
afterAll(async () => {
  await barrier.close();
  await cluster.close();
});

const ports = (): number[] => cluster.nodes.map(({ server }) => server.port);

/** Runs a case as the runner does for one server; an expectation of no events holds for the events of all nodes. */
async function runCase(port: number, each: Case): Promise<void> {
  const site = new ClusterSite({ ...APP, host: '127.0.0.1', port, prefix: '' }, barrier);
  try {
    await each.run(site);
  } finally {
    await site.cleanUp();
  }
}

const shared = cases.filter(({ needs, alone }) => !needs && !alone);
const titleOf = ({ rule, id, title }: Case): string => `${rule} ${id} ${title}`;

describe('on three nodes, each connection to any of them', () => {
  let balancer: LoadBalancer;
  beforeAll(async () => void (balancer = await startLoadBalancer(ports())));
  afterAll(() => balancer.close());

  for (const each of shared) {
    test(titleOf(each), () => runCase(balancer.port, each), (each.limitMs ?? 20_000) + SETTLE_LIMIT_MS);
  }

  test('2.4 every node receives a share of the connections', () => {
    const least = shared.length / 4;
    for (const count of balancer.counts) expect(count).toBeGreaterThan(least);
  });
});

describe('on three nodes behind nginx', () => {
  let nginx: Nginx;
  beforeAll(async () => void (nginx = await startNginx(ports())));
  afterAll(() => nginx.close());

  // The other cases check bytes that nginx itself answers or changes.
  const chosen = shared.filter(({ id }) => /^[SWU]/.test(id));
  for (const each of chosen) {
    test(titleOf(each), () => runCase(nginx.port, each), (each.limitMs ?? 20_000) + SETTLE_LIMIT_MS);
  }

  test('8.11 nginx sends no requests to a node that has stopped', async () => {
    const node = cluster.node(2);
    await node.kill();
    const statuses = await Promise.all(
      Array.from({ length: 30 }, () =>
        fetch(`http://127.0.0.1:${nginx.port}/up`).then(({ status }) => status),
      ),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    await node.start();
    await eventually(async () => (await node.readiness()) === 200, 'the node is ready again');
  });
});
