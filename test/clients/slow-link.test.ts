/** A stock client on a link that is too slow for its channel receives everything late, without a disconnect. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { APP } from '../support/app.ts';
import { startMembersOnOtherNode, redisSettings } from '../support/members-on-other-node.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startThrottle, type Throttle } from '../support/throttle.ts';
import { EventRecorder } from './event-recorder.ts';
import { inState, membersOf, openClients, type ClientsContext } from './stock-clients.ts';
import { sleep } from '../../src/core/util/time.ts';

const CHANNEL = 'presence-stadium';
const MEMBERS = 650;
const INFO_BYTES = 9_000;
const BYTES_PER_SECOND = 500_000;
const DURATION_MS = 20_000;

let redis: TestRedis;
let clients: ClientsContext;
let link: Throttle;
let removeMembers: () => Promise<void>;

beforeAll(async () => {
  redis = await startRedis();
  const env = redisSettings(APP, redis);
  clients = await openClients(env);
  link = await startThrottle(clients.server, BYTES_PER_SECOND);
  const ref = { app: APP.id, channel: CHANNEL };
  removeMembers = await startMembersOnOtherNode(env, ref, { count: MEMBERS, infoBytes: INFO_BYTES });
}, 60_000);
afterAll(async () => {
  await clients.close();
  link.close();
  await removeMembers();
  await redis.close();
});

test('2.16 delivers a roster of 5.9 MB over a link of 500 kB/s, with two events a second meanwhile, without a disconnect', async () => {
  const pusher = clients.pusher('1', { wsHost: link.host, wsPort: link.port });
  const states: string[] = [];
  pusher.connection.bind('state_change', ({ current }: { current: string }) => states.push(current));
  await inState(pusher, 'connected');
  const channel = pusher.subscribe(CHANNEL);
  const recorder = new EventRecorder(channel);
  const startedAtMs = Date.now();
  let published = 0;
  while (Date.now() - startedAtMs < DURATION_MS) {
    await clients.sdk.trigger(CHANNEL, 'goal', { number: (published += 1) });
    await sleep(500);
  }
  await recorder.next('pusher:subscription_succeeded', 20_000);
  expect(membersOf(channel).count).toBe(MEMBERS + 1);
  expect(states.filter((state) => state !== 'connecting')).toEqual(['connected']);
  await clients.fence(CHANNEL, recorder);
  const numbers = (recorder.all('goal') as { number: number }[]).map(({ number }) => number);
  const first = numbers[0] ?? 0;
  expect(first).toBeLessThanOrEqual(3);
  expect(numbers).toEqual(Array.from({ length: published - first + 1 }, (_, at) => first + at));
}, 90_000);
