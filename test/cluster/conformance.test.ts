/**
 * The conformance cases once more, on three nodes: each connection and each request goes to whichever node chance takes.
 * Cases that need a server with settings of its own, or that end it, stay on one node.
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

const PATIENCE_MS = 20_000;

let cluster: Cluster;
let markers: MessageBarrier;
beforeAll(async () => {
  // The defaults of the cases are those of a server without settings.
  cluster = await Cluster.start({ env: { ...APP_ENV, WAVEHALL_LEASE_SECONDS: '12' } });
  markers = await MessageBarrier.open(
    cluster.nodes.map(({ server }) => ({ ...APP, host: '127.0.0.1', port: server.port, prefix: '' })),
  );
});
afterAll(async () => {
  await markers.close();
  await cluster.close();
});

const ports = (): number[] => cluster.nodes.map(({ server }) => server.port);

/** As the runner does it for one server; here "nothing has come" means: from no node. */
async function tryAt(port: number, each: Case): Promise<void> {
  const site = new ClusterSite({ ...APP, host: '127.0.0.1', port, prefix: '' }, markers);
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
    test(titleOf(each), () => tryAt(balancer.port, each), (each.limitMs ?? 20_000) + PATIENCE_MS);
  }

  test('2.4 every node has received a share of the connections', () => {
    const least = shared.length / 4;
    for (const count of balancer.counts) expect(count).toBeGreaterThan(least);
  });
});

describe('on three nodes behind nginx', () => {
  let nginx: Nginx;
  beforeAll(async () => void (nginx = await startNginx(ports())));
  afterAll(() => nginx.close());

  // What nginx itself answers, or changes on the way, is not what these cases are about.
  const chosen = shared.filter(({ id }) => /^[SWU]/.test(id));
  for (const each of chosen) {
    test(titleOf(each), () => tryAt(nginx.port, each), (each.limitMs ?? 20_000) + PATIENCE_MS);
  }

  test('8.11 traffic avoids a node that has ended', async () => {
    const node = cluster.node(2);
    await node.kill();
    const statuses = await Promise.all(
      Array.from({ length: 30 }, () =>
        fetch(`http://127.0.0.1:${nginx.port}/up`).then(({ status }) => status),
      ),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    await node.start();
    await eventually(async () => (await node.readiness()) === 200, 'it is back');
  });
});
