/** Faults of nodes and of their Redis, with webhooks: nothing that was due is lost, and each channel keeps its order. */
import { describe } from 'vitest';
import { eventually } from '../../support/wire.ts';
import type { Cluster } from '../../support/cluster.ts';
import { accept, hold } from './faulty-receiver.ts';
import { clusterFault, printTable, type WebhookRun } from './webhook-run.ts';

const CHANNELS = 30;
printTable();

/** Clients on each node, that stay. */
const beginOnAll = ({ lives }: WebhookRun, { nodes }: Cluster) =>
  Promise.all(nodes.map(({ server }) => lives.begin(server, CHANNELS)));

/** Clients on each node, that come and go. They stay until that is told: with a Redis that is new, what begins waits. */
async function liveOnAll(run: WebhookRun, cluster: Cluster): Promise<void> {
  const lives = await beginOnAll(run, cluster);
  await run.delivered();
  await Promise.all(lives.map((life) => run.lives.end(life)));
  await run.delivered();
}

const asked = ({ receiver }: WebhookRun, requests: number): Promise<void> =>
  eventually(() => receiver.arrivals.length >= requests, `${requests} requests`, 10_000);

describe('a node', () => {
  clusterFault('of two is killed before anything is sent', async (run, cluster) => {
    run.receiver.behaviour = hold;
    const [onKilled, onOther] = await beginOnAll(run, cluster);
    await asked(run, 1);
    await cluster.node(0).kill();
    run.lives.ended(onKilled!);
    run.receiver.behaviour = accept;
    run.receiver.drop();
    await run.lives.end(onOther!);
    await run.delivered();
  });

  clusterFault('is killed while it sends', async (run, cluster) => {
    run.receiver.behaviour = (answer) => {
      setTimeout(() => answer.writeHead(200).end(), 50);
      return 'sure';
    };
    const [onKilled, onOther] = await beginOnAll(run, cluster);
    await asked(run, 40);
    const killedMs = Date.now();
    await cluster.node(0).kill();
    // The answer of the last ones was on its way, or was not noted yet.
    run.receiver.doubtSince(killedMs - 1000);
    run.lives.ended(onKilled!);
    await run.lives.end(onOther!);
    await run.delivered();
  });

  clusterFault('and all others are killed, and one starts again', async (run, cluster) => {
    run.receiver.behaviour = hold;
    const lives = await beginOnAll(run, cluster);
    await asked(run, 1);
    await Promise.all(cluster.nodes.map((node) => node.kill()));
    for (const life of lives) run.lives.ended(life);
    run.receiver.behaviour = accept;
    await cluster.node(1).start();
    await run.delivered();
  });

  clusterFault('stops, and its clients leave with it', async (run, cluster) => {
    const [onStopped, onOther] = await beginOnAll(run, cluster);
    run.receiver.behaviour = hold;
    cluster.node(0).server.kill('SIGTERM');
    await cluster.node(0).server.exited;
    run.lives.ended(onStopped!);
    run.receiver.behaviour = accept;
    run.receiver.drop();
    await run.lives.end(onOther!);
    await run.delivered();
  });
});

describe('Redis', () => {
  clusterFault(
    'restarts with its file',
    async (run, cluster) => {
      await liveOnAll(run, cluster);
      const lives = await beginOnAll(run, cluster);
      run.receiver.behaviour = hold;
      await cluster.redis.restart();
      run.receiver.behaviour = accept;
      run.receiver.drop();
      await cluster.ready();
      await Promise.all(lives.map((life) => run.lives.end(life)));
      await liveOnAll(run, cluster);
    },
    { redisArgs: ['--appendonly', 'yes', '--appendfsync', 'always'] },
  );

  clusterFault(
    'restarts empty: what was told before is not told again, and its end is',
    async (run, cluster) => {
      const lives = await beginOnAll(run, cluster);
      await run.delivered();
      await cluster.redis.restart();
      await cluster.ready();
      await Promise.all(lives.map((life) => run.lives.end(life)));
      await liveOnAll(run, cluster);
      await run.delivered();
    },
  );
});
