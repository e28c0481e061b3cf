/** What many faults begin and end with. */
import { expect } from 'vitest';
import type { Publish } from '../support/checker.ts';
import type { Visitor } from '../support/cluster-visitor.ts';
import type { RedisClient } from '../support/ground.ts';
import { eventually } from '../support/wire.ts';
import type { Stage } from './stage.ts';

/** Members on every node, and events on their way all the time. */
export async function busy(stage: Stage, perNode = 2, everyMs = 10) {
  const [room, news] = [stage.name('presence-room'), stage.name('news')];
  const crowd = await stage.crowd(perNode, [room, news]);
  const stop = stage.load([room, news], everyMs);
  await told(stage, news, 5);
  return { room, news, crowd, stop };
}

/** So many more events are accepted. */
export async function told(stage: Stage, channel: string, count: number): Promise<void> {
  const begin = stage.checker.accepted(channel).length;
  await eventually(
    () => stage.checker.accepted(channel).length >= begin + count,
    `${count} more events are accepted on ${channel}`,
    20_000,
  );
}

/** Somebody leaves and enters again, over and over. */
export const churn = (stage: Stage, crowd: readonly Visitor[], channel: string): (() => Promise<void>) =>
  stage.background(async () => {
    const visitor = stage.pick(crowd);
    await visitor.leave(channel);
    await visitor.enter(channel);
  });

/** Asks Redis itself, past every proxy. */
export const admin = <T>({ cluster }: Stage, task: (redis: RedisClient) => Promise<T>): Promise<T> =>
  cluster.ground.ask(task);

/** Milliseconds until every node accepts events again. */
export async function backAfter(stage: Stage, channel: string): Promise<number> {
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

/** Everybody was there before and after: nobody may be told that somebody came or went. */
export function quiet(room: string, crowd: readonly Visitor[]): void {
  const stays = crowd.flatMap((visitor) => visitor.stays.filter(({ channel }) => channel === room));
  expect(stays).toHaveLength(crowd.length);
  for (const { news } of stays) for (const [user, times] of news) expect([user, times]).toEqual([user, 1]);
  expect(crowd.flatMap(({ closings }) => closings)).toEqual([]);
}

/** Events that were under way at a moment at which what a master had acknowledged may be lost with it. */
export const around =
  (momentMs: number, beforeMs: number, afterMs: number) =>
  ({ beganMs, endedMs }: Publish): boolean =>
    endedMs >= momentMs - beforeMs && beganMs <= momentMs + afterMs;
