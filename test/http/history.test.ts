import { beforeEach, describe, expect, test } from 'vitest';
import { Unavailable } from '../../src/core/ports/failures.ts';
import { withOverrides } from '../core/fakes.ts';
import { type Http, openHttp, shown } from './fixture.ts';

const PATH = '/apps/app-id/channels/orders/events';

interface Answer {
  readonly events: readonly { position: string; name: string; data: string; socket_id?: string }[];
  readonly position: string | null;
  readonly newest: string | null;
  readonly missing: number | null;
}

describe('the history of a channel', () => {
  let http: Http;
  beforeEach(async () => {
    http = await openHttp();
  });

  const publish = async (first: number, last: number, fields: object = {}): Promise<void> => {
    for (let number = first; number <= last; number += 1) {
      const body = { name: 'n', channel: 'orders', data: `{"n":${number}}`, ...fields };
      expect((await http.call('POST', '/apps/app-id/events', { body })).status).toBe(200);
    }
  };
  const read = async (query: Record<string, string> = {}): Promise<Answer> => {
    const { status, body } = await http.call('GET', PATH, { query });
    expect(status).toBe(200);
    return body as Answer;
  };
  const numbers = ({ events }: Answer) => events.map(({ data }) => (JSON.parse(data) as { n: number }).n);

  test('8.14 has the events as they were published, the oldest first', async () => {
    await publish(1, 2);
    await publish(3, 3, { socket_id: '1.2', name: 'ü "x"', data: '{"n":3,"big":12345678901234567890}' });
    const all = await read();
    expect(
      all.events.map(({ name, data, socket_id }) => ({
        name,
        data,
        ...(socket_id !== undefined && { socket_id }),
      })),
    ).toEqual([
      { name: 'n', data: '{"n":1}' },
      { name: 'n', data: '{"n":2}' },
      { name: 'ü "x"', data: '{"n":3,"big":12345678901234567890}', socket_id: '1.2' },
    ]);
    expect([all.position, all.newest, all.missing]).toEqual([
      all.events[2]?.position,
      all.events[2]?.position,
      0,
    ]);
  });

  test('8.14 continues after a position, in parts', async () => {
    await publish(1, 5);
    const first = await read({ limit: '2' });
    expect(numbers(first)).toEqual([1, 2]);
    const second = await read({ after: first.position!, limit: '2' });
    expect([numbers(second), second.missing]).toEqual([[3, 4], 0]);
    const third = await read({ after: second.position! });
    expect([numbers(third), third.position]).toEqual([[5], third.newest]);
    const end = await read({ after: third.position! });
    expect([end.events, end.position, end.missing]).toEqual([[], third.position, 0]);
  });

  test('8.14 says how many events are no longer kept, or that it is not known', async () => {
    await publish(1, 1);
    const { position } = await read();
    await publish(2, 54);
    const part = await read({ after: position! });
    expect([part.missing, numbers(part)[0], part.events.length]).toEqual([3, 5, 50]);
    expect((await read({ after: 'another-history.0.3' })).missing).toBeNull();
    expect((await read({ after: position!.replace(/\d+$/, '99') })).missing).toBeNull();
  });

  test('8.14 a channel of which nothing is kept has no position', async () => {
    expect(await read()).toEqual({ events: [], position: null, newest: null, missing: 0 });
  });

  test.each([
    [{ after: 'x' }, 'The position is not valid.'],
    [{ after: '' }, 'The position is not valid.'],
    [{ after: 'a.1.9999999999999999' }, 'The position is not valid.'],
    [{ limit: '0' }, 'The limit is a number from 1 to 1000.'],
    [{ limit: '1001' }, 'The limit is a number from 1 to 1000.'],
    [{ limit: '-1' }, 'The limit is a number from 1 to 1000.'],
    [{ limit: '1e2' }, 'The limit is a number from 1 to 1000.'],
    [{ limit: '' }, 'The limit is a number from 1 to 1000.'],
  ])('8.14 refuses %j', async (query, text) => {
    expect(shown(await http.call('GET', PATH, { query }))).toEqual([400, text]);
  });

  test('8.14 accepts limits from 1 to 1000', async () => {
    await publish(1, 2);
    for (const [limit, events] of [
      ['1', 1],
      ['1000', 2],
    ] as const)
      expect((await read({ limit })).events).toHaveLength(events);
  });

  test('8.14 a history that cannot be read is 503', async () => {
    http = await openHttp({
      stores: (memory) => ({
        ...memory,
        history: withOverrides(memory.history, { after: () => Promise.reject(new Unavailable('gone')) }),
      }),
    });
    expect((await http.call('GET', PATH)).status).toBe(503);
  });
});
