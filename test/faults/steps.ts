/** Steps that many faults share. */
import { expect } from 'vitest';
import { changesByUser, type SentEvent } from '../support/delivery/delivery-log.ts';
import type { ClusterClient } from '../support/cluster-client.ts';
import type { RedisClient } from '../support/redis-topology.ts';
import { eventually } from '../support/wire.ts';
import type { FaultRun } from './fault-run.ts';

/** Connects members to every node and keeps publishing to their two channels. */
export async function startLoad(run: FaultRun, perNode = 2, everyMs = 10) {
  const [presence, news] = [run.name('presence-room'), run.name('news')];
  const clients = await run.connectClients(perNode, [presence, news]);
  const stop = run.load([presence, news], everyMs);
  await waitForAccepted(run, news, 5);
  return { presence, news, clients, stop };
}

/** Resolves when `count` more events have been accepted. */
export async function waitForAccepted(run: FaultRun, channel: string, count: number): Promise<void> {
  const begin = run.recorder.accepted(channel).length;
  await eventually(
    () => run.recorder.accepted(channel).length >= begin + count,
    `${count} more events are accepted on ${channel}`,
    20_000,
  );
}

/**
 * Makes one member leave, one leave and join again, one join, and one join and disconnect. Expects that the subscriptions
 * of the joining client are confirmed.
 */
export async function changeMembers(
  run: FaultRun,
  clients: readonly ClusterClient[],
  presence: string,
  news: string,
): Promise<void> {
  const [leaving, rejoining] = [clients[0]!, clients[4]!];
  await leaving.unsubscribe(presence);
  await rejoining.unsubscribe(presence);
  await rejoining.subscribe(presence);
  const joining = await run.connectClient('joining', 1, [presence, news]);
  await run.connectClient('brief', 2, [presence]).then((client) => client.close());
  expect(joining.confirmed).toHaveLength(2);
}

/** Makes clients leave and join again, over and over. */
export const keepRejoining = (
  run: FaultRun,
  clients: readonly ClusterClient[],
  channel: string,
): (() => Promise<void>) =>
  run.background(async () => {
    const client = run.pick(clients);
    await client.unsubscribe(channel);
    await client.subscribe(channel);
  });

/** Sends a command to Redis directly, not through a proxy. */
export const askRedis = <T>({ cluster }: FaultRun, task: (redis: RedisClient) => Promise<T>): Promise<T> =>
  cluster.topology.run(task);

/** Milliseconds until every node accepts events again. */
export async function msUntilAccepting(run: FaultRun, channel: string): Promise<number> {
  const begin = performance.now();
  for (const node of run.cluster.up) {
    await eventually(
      async () => (await run.publish(channel, node)).status === 200,
      () => `node ${node.index} accepts events again`,
      20_000,
    );
  }
  return Math.round(performance.now() - begin);
}

/** Expects that no client received member_removed, nor member_added for a user whom it already had, nor lost its socket. */
export function expectNoMemberChanges(presence: string, clients: readonly ClusterClient[]): void {
  const subscriptions = clients.flatMap((client) =>
    client.subscriptions.filter(({ channel }) => channel === presence),
  );
  expect(subscriptions).toHaveLength(clients.length);
  for (const each of subscriptions)
    for (const [user, times] of changesByUser(each)) expect([user, times]).toEqual([user, 1]);
  expect(clients.flatMap(({ closings }) => closings)).toEqual([]);
}

/** Matches events in flight around a failover: a master may lose what it acknowledged shortly before. */
export const underwayAt =
  (momentMs: number, beforeMs: number, afterMs: number) =>
  ({ beganMs, endedMs }: SentEvent): boolean =>
    endedMs >= momentMs - beforeMs && beganMs <= momentMs + afterMs;
