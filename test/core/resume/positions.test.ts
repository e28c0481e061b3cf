/** Clients that ask for positions (SPEC 13.7). */
import { beforeEach, describe, expect, test } from 'vitest';
import { type Position, positionText } from '#protocol';
import { Unavailable } from '../../../src/core/ports/failures.ts';
import { isAfter } from '../../../src/core/resume/positions.ts';
import { type Client, dataOf, openCore, settled, type TestCore, withOverrides } from '../fakes.ts';
import { LateBroker } from './late-broker.ts';
import { numbersOf, type PublishArguments, publishTo } from './published-numbers.ts';

let site: TestCore;
beforeEach(() => {
  site = openCore();
});

const publish = (...event: PublishArguments) => publishTo(site, ...event);

describe('clients that ask for positions', () => {
  const ask = (client: Client, resume: unknown, channel = 'orders'): void =>
    client.send({ event: 'pusher:subscribe', data: { channel, resume } });

  test('13.7 get the position of each event, and of their subscription', async () => {
    await publish(1);
    const client = await site.connect();
    client.take();
    ask(client, {});
    await settled();
    await publish(2, 3);
    const frames = client.take();
    expect(frames.map(({ event }) => event)).toEqual(['pusher_internal:subscription_succeeded', 'n', 'n']);
    const offsets = frames.map(({ position }) => Number(position?.split('.').at(-1)));
    expect(offsets).toEqual([1, 2, 3]);
  });

  test('13.7 continue exactly where they say, on any socket', async () => {
    const client = await site.connect();
    ask(client, {});
    await settled();
    await publish(1, 5);
    const { position } = client.frames.find(({ data }) => data === 2)!;
    const again = await site.connect();
    again.take();
    ask(again, { position, away: 3, sockets: [client.socketId] });
    await publish(6);
    await settled(8);
    const frames = again.take();
    expect(frames[0]?.position).toBe(position);
    expect(numbersOf(frames)).toEqual([3, 4, 5, 6]);
    await publish(7, 7, { except: client.socketId });
    expect(numbersOf(again.take())).toEqual([]);
  });

  test('13.7 others on the same channel get the same frames as ever', async () => {
    const [asks, stock] = [await site.connect(), await site.connect()];
    ask(asks, {});
    stock.subscribe('orders');
    await settled();
    await publish(1);
    expect(stock.frames.at(-1)).toEqual({ event: 'n', data: 1, channel: 'orders' });
    expect(asks.frames.at(-1)).toMatchObject({
      event: 'n',
      data: 1,
      position: expect.stringMatching(/\.1$/) as string,
    });
  });

  test.each([
    ['not a position', { position: 'x', away: 1 }, 'unknown'],
    ['of another kind', { position: 7, away: 1 }, 'unknown'],
    ['of another history', { position: 'foreign.0.3', away: 1e6 }, 'restarted'],
    ['of another history, without a time', { position: 'foreign.0.3' }, 'restarted'],
    ['of another history, with a time before all', { position: 'foreign.0.3', away: -1 }, 'restarted'],
  ])('13.7 a position %s is a gap and no error', async (_what, resume, reason) => {
    await publish(1);
    const client = await site.connect();
    client.take();
    ask(client, resume);
    await settled(8);
    const [success, gap] = client.take();
    expect(success?.event).toBe('pusher_internal:subscription_succeeded');
    expect(gap).toMatchObject({ event: 'wavehall:gap', channel: 'orders' });
    expect(dataOf(gap)).toMatchObject({ reason });
  });

  test('13.7 a position that was never reached is a gap', async () => {
    await publish(1);
    const part = await site.stores.history.after(
      { app: 'app-id', channel: 'orders' },
      { epoch: '', generation: '0', offset: 0 },
      { events: 1, bytes: 1 },
    );
    const client = await site.connect();
    ask(client, { position: positionText({ ...part.newest!, offset: 99 }), away: 1 });
    await settled(8);
    expect(dataOf(client.frames.at(-1))).toEqual({ reason: 'unknown' });
  });

  test.each([[[]], ['yes'], [1], [null], [undefined]])(
    '13.7 `resume` is an object: %j asks for nothing',
    async (resume) => {
      const client = await site.connect();
      ask(client, resume);
      await settled();
      await publish(1);
      expect(client.frames.at(-1)).toEqual({ event: 'n', data: 1, channel: 'orders' });
    },
  );

  test('13.7 sockets that are no ids, and more than 8, are ignored', async () => {
    const client = await site.connect();
    const named = Array.from({ length: 9 }, (_, at) => `1.${at}`);
    ask(client, { sockets: [...named, 'x', 7, null] });
    await settled();
    await publish(1, 1, { except: '1.0' });
    await publish(2, 2, { except: '1.8' });
    expect(numbersOf(client.frames)).toEqual([1]);
  });

  test('13.1 beside an upstream no place is kept, and a position that is asked for is a gap', async () => {
    site = openCore({ isHistoryPartial: true, tabs: { keepMs: 0 } });
    await publish(1);
    const client = await site.connect();
    ask(client, { position: 'foreign.0.3', away: 1 });
    await settled(8);
    expect(dataOf(client.frames.at(-1))).toEqual({ reason: 'unknown' });
  });
});

describe('a client that asks for positions while the history cannot be read', () => {
  const REF = { app: 'app-id', channel: 'orders' };
  let late: LateBroker;
  beforeEach(() => {
    late = new LateBroker();
    site = openCore({
      stores: (memory) => ({
        ...late.stores(memory),
        history: withOverrides(memory.history, { after: () => Promise.reject(new Unavailable('gone')) }),
      }),
    });
  });

  async function backAt(position: Partial<Position>): Promise<Client> {
    const newest = await site.stores.broker.subscribe(REF);
    const client = await site.connect();
    const resume = { position: positionText({ ...newest!, ...position }), away: 1 };
    client.send({ event: 'pusher:subscribe', data: { channel: 'orders', resume } });
    await settled(8);
    site.clock.pass(6000);
    await expect.poll(() => client.frames.map(({ event }) => event)).toContain('wavehall:gap');
    return client;
  }

  test('13.5 gets nothing twice that this node receives later than it did', async () => {
    const other = await site.connect();
    other.subscribe('orders');
    await settled();
    await publish(1, 2);
    late.isLate = true;
    await publish(3, 5);
    const client = await backAt({ offset: 4 });
    late.arrive();
    await settled();
    expect(numbersOf(client.frames)).toEqual([5]);
    expect(numbersOf(other.frames)).toEqual([1, 2, 3, 4, 5]);
  });

  test.each<[string, Partial<Position>]>([
    ['a time that has not come', { generation: '99999999999999', offset: 99 }],
    ['another history', { epoch: 'foreign', offset: 99 }],
  ])('13.5 that claims a position of %s waits for nothing', async (_what, position) => {
    const other = await site.connect();
    other.subscribe('orders');
    await settled();
    await publish(1);
    const client = await backAt(position);
    await publish(2);
    expect(numbersOf(client.frames)).toEqual([2]);
  });
});

describe('an event, and a position up to which a client was sent the history', () => {
  const upTo = { epoch: 'a', generation: '20', offset: 5 };

  test.each([
    ['after it', { offset: 6 }, true],
    ['at it', { offset: 5 }, false],
    ['of another history', { epoch: 'b', offset: 1 }, true],
    ['of the store after a restart', { generation: '100', offset: 1 }, true],
    ['that the store lost by a restart', { generation: '9', offset: 6 }, false],
  ])('13.5 one %s follows: %j %s', (_what, position, follows) => {
    expect(isAfter({ position: { ...upTo, ...position } }, upTo)).toBe(follows);
  });

  test('13.5 one without a position, which no history has, follows', () => {
    expect(isAfter({}, upTo)).toBe(true);
  });
});
