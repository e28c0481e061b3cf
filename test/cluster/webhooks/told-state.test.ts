/** Memory of what webhooks were told because of a node, for the time after Redis has lost its data. */
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { ToldState } from '../../../src/stores/redis/membership/told-state.ts';
import { wishesOf } from '../../contracts/outbox.ts';
import { startRedis } from '../../support/redis.ts';
import { channelOf, member, nodeOptions, openNode } from '../redis-node.ts';
import { receiveUntil } from './receive.ts';

const SMOOTHING_MS = 3000;
const SETTLING_MS = 5000;
const [OLD, NEW] = ['g1', 'g2'].map((generation) => ({ node: 'n', generation }));
const holding = (...users: string[]) => ({ isHeld: users.length > 0, users: new Set(users) });
const NOTHING = holding();

describe('a node', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  const toldOf = (...users: string[]): ToldState => {
    const told = new ToldState(SMOOTHING_MS);
    told.acknowledge(holding(...users), OLD!, 0);
    return told;
  };

  test('9.4 claims nothing while Redis has the same data', () => {
    expect(toldOf('7').send(NOTHING, OLD!, false)).toEqual({ holding: [], ended: [] });
  });

  test('9.4 says after a loss of data what it still holds, and what has ended', () => {
    expect(toldOf('7', '8').send(holding('7'), NEW!, false)).toEqual({
      holding: ['occupied', '+7'],
      ended: ['-8'],
    });
    expect(toldOf('7').send(NOTHING, NEW!, false)).toEqual({ holding: [], ended: ['-7', 'vacated'] });
  });

  test('9.4 says an end again until it is due, from the first time that it was sent', () => {
    const told = toldOf('7');
    told.send(NOTHING, OLD!, false);
    vi.advanceTimersByTime(500);
    told.send(NOTHING, OLD!, false);
    told.acknowledge(NOTHING, OLD!, 0);
    vi.advanceTimersByTime(SMOOTHING_MS - 501);
    expect(told.isEnding).toBe(true);
    expect(told.send(NOTHING, NEW!, false).ended).toEqual(['-7', 'vacated']);
    vi.advanceTimersByTime(1);
    expect(told.isEnding).toBe(false);
    expect(told.send(NOTHING, NEW!, false).ended).toEqual([]);
  });

  test('9.4 does not count as told what began and waits while Redis settles', () => {
    const told = new ToldState(SMOOTHING_MS);
    told.acknowledge(holding('7'), OLD!, SETTLING_MS);
    vi.advanceTimersByTime(SETTLING_MS - 1);
    expect(told.send(holding('7'), NEW!, false)).toEqual({ holding: [], ended: [] });
    vi.advanceTimersByTime(1);
    expect(told.send(holding('7'), NEW!, false).holding).toEqual(['occupied', '+7']);
  });

  test('9.4 keeps an end over a second loss of data while Redis settles', () => {
    const told = toldOf('7');
    told.acknowledge(NOTHING, NEW!, SETTLING_MS);
    vi.advanceTimersByTime(SETTLING_MS - 1);
    expect(told.send(NOTHING, { node: 'n', generation: 'g3' }, false).ended).toEqual(['-7', 'vacated']);
  });

  test('9.4 who comes back within the smoothing was never away', () => {
    const told = toldOf('7');
    told.acknowledge(NOTHING, OLD!, 0);
    told.acknowledge(holding('7'), OLD!, 0);
    vi.advanceTimersByTime(SMOOTHING_MS);
    expect(told.send(holding('7'), NEW!, false).holding).toEqual(['occupied', '+7']);
  });
});

test(
  '9.4 who left is told also when Redis loses its data within the smoothing',
  { timeout: 60_000 },
  async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const webhooks = wishesOf({ smoothingMs: 1500 });
    const node = await openNode(nodeOptions({ port: redis.port, webhooks }));
    onTestFinished(() => node.close());
    const room = channelOf('presence-room');
    const got: string[] = [];
    await node.membership.join(room, { subscriptions: 1, member: member('7'), socketId: '1.1' });
    await receiveUntil([node], got, 2);
    await node.membership.leave(room, { subscriptions: 0, member: member('7') });
    const client = new Redis(redis.port);
    await client.flushall();
    client.disconnect();
    await receiveUntil([node], got, 4);
    expect(got.slice(2)).toEqual(['member_removed presence-room 7', 'channel_vacated presence-room']);
  },
);
