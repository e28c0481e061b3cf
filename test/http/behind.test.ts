import { describe, expect, test } from 'vitest';
import { StaticApps } from '../../src/apps/static.ts';
import { BACKLOG_EVENTS } from '../../src/core/channels/fan-out/backlog.ts';
import { settled, testApp } from '../core/fakes.ts';
import { EVENT, openHttp, shown } from './fixture.ts';

describe('a channel whose subscribers read too slowly', () => {
  const busy = (name: string) => ({ ...EVENT, name, channel: 'busy' });

  /** A subscriber, and a request that finds so many events waiting on the channel `busy`. */
  async function behind(waiting: number, path: string, body: unknown) {
    const apps = new StaticApps([testApp()]);
    const fill = () => {
      for (let at = 0; at < waiting; at += 1)
        http.hub.deliver({ app: 'app-id', channel: 'busy' }, { payload: '{"event":"old"}' });
    };
    const byId = (id: string) => {
      fill();
      return apps.byId(id);
    };
    const outcomes: boolean[] = [];
    const http = await openHttp({
      provider: { byKey: (key) => apps.byKey(key), byId },
      onAnswered: (isOk) => void outcomes.push(isOk),
    });
    const client = await http.connect();
    for (const channel of ['busy', 'orders']) client.subscribe(channel);
    await settled();
    client.take();
    const answer = await http.post(path, body);
    await settled();
    const received = client
      .take()
      .map(({ event }) => event)
      .filter((event) => event !== 'old');
    return { answer, received, outcomes };
  }

  test.each<[string, unknown]>([
    ['/events', busy('a')],
    ['/events', { ...EVENT, channel: undefined, channels: ['orders', 'busy'] }],
    ['/batch_events', { batch: [busy('a')] }],
    ['/batch_events', { batch: [EVENT, busy('a')] }],
    ['/batch_events', { batch: [busy('a'), EVENT] }],
  ])('8.3 refuses %s with 503 and Retry-After, and delivers nothing: %j', async (path, body) => {
    const { answer, received } = await behind(BACKLOG_EVENTS, path, body);
    expect([...shown(answer), answer.headers['retry-after']]).toEqual([503, 'Service unavailable.', '1']);
    expect(received).toEqual([]);
  });

  test('8.5 accepts the whole of a batch that fills the buffer', async () => {
    const batch = ['a', 'b', 'c'].map(busy);
    const { answer, received } = await behind(BACKLOG_EVENTS - 1, '/batch_events', { batch });
    expect(shown(answer)).toEqual([200, {}]);
    expect(received).toEqual(['a', 'b', 'c']);
  });

  test('11.14 does not count against the health of this server', async () => {
    expect((await behind(BACKLOG_EVENTS, '/events', busy('a'))).outcomes).toEqual([]);
    expect((await behind(0, '/events', busy('a'))).outcomes).toEqual([true]);
  });

  test('8.3 serves other channels', async () => {
    const { answer, received } = await behind(BACKLOG_EVENTS, '/events', EVENT);
    expect([answer.status, received]).toEqual([200, ['shipped']]);
  });
});
