/** First and last steps of many faults. */
import { expect } from 'vitest';
import { changesByUser, type SentEvent } from '../support/delivery/delivery-log.ts';
import type { ClusterClient } from '../support/cluster-client.ts';
import type { RedisClient } from '../support/redis-topology.ts';
import { eventually } from '../support/wire.ts';
import type { FaultRun } from './fault-run.ts';

/** Members on every node, and events on their way all the time. */
export async function startLoad(stage: FaultRun, perNode = 2, everyMs = 10) {
  const [room, news] = [stage.name('presence-room'), stage.name('news')];
  const crowd = await stage.crowd(perNode, [room, news]);
  const stop = stage.load([room, news], everyMs);
  await acceptedMore(stage, news, 5);
  return { room, news, crowd, stop };
}

/** So many more events are accepted. */
export async function acceptedMore(stage: FaultRun, channel: string, count: number): Promise<void> {
  const begin = stage.recorder.accepted(channel).length;
  await eventually(
    () => stage.recorder.accepted(channel).length >= begin + count,
    `${count} more events are accepted on ${channel}`,
    20_000,
  );
}

/** Makes clients leave and join again, over and over. */
export const keepRejoining = (
  stage: FaultRun,
  crowd: readonly ClusterClient[],
  channel: string,
): (() => Promise<void>) =>
  stage.background(async () => {
    const visitor = stage.pick(crowd);
    await visitor.leave(channel);
    await visitor.enter(channel);
  });

/** Sends a command to Redis directly, not through a proxy. */
export const askRedis = <T>({ cluster }: FaultRun, task: (redis: RedisClient) => Promise<T>): Promise<T> =>
  cluster.ground.ask(task);

/** Milliseconds until every node accepts events again. */
export async function msUntilAccepting(stage: FaultRun, channel: string): Promise<number> {
  const begin = performance.now();
  for (const node of stage.cluster.up) {
    await eventually(
      async () => (await stage.publish(channel, node)).status === 200,
      () => `node ${node.index} accepts events again`,
      20_000,
    );
  }
  return Math.round(performance.now() - begin);
}

/** All members were there before and after: no client may receive a join or leave. */
export function expectNoMemberChanges(room: string, crowd: readonly ClusterClient[]): void {
  const subscriptions = crowd.flatMap((visitor) =>
    visitor.subscriptions.filter(({ channel }) => channel === room),
  );
  expect(subscriptions).toHaveLength(crowd.length);
  for (const each of subscriptions)
    for (const [user, times] of changesByUser(each)) expect([user, times]).toEqual([user, 1]);
  expect(crowd.flatMap(({ closings }) => closings)).toEqual([]);
}

/** Events that were under way at a moment at which what a master had acknowledged may be lost with it. */
export const underwayAt =
  (momentMs: number, beforeMs: number, afterMs: number) =>
  ({ beganMs, endedMs }: SentEvent): boolean =>
    endedMs >= momentMs - beforeMs && beganMs <= momentMs + afterMs;
