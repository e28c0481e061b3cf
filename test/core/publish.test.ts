import { describe, expect, test } from 'vitest';
import type { Stores } from '../../src/core/ports/stores.ts';
import type { ChannelRef } from '../../src/core/ports/events.ts';
import { OutcomeUnknown, Unavailable } from '../../src/core/ports/failures.ts';
import { publish, publishAll } from '../../src/core/channels/publish.ts';
import { openCore, REQUEST, settled, type TestCore, testApp, withOverrides } from './fakes.ts';

const app = testApp({ cacheTtlSeconds: 60 });
const publishTo = (site: TestCore, channels: string[], dataJson = '"1"', except?: string): Promise<void> =>
  publish({ ...site, ...site.stores }, app, { name: 'x', dataJson, channels, except }, REQUEST);

describe('one event', () => {
  test('3.13 reaches each subscriber of each channel once, also when a channel is named twice', async () => {
    const site = openCore({ apps: [app] });
    const client = await site.connect();
    for (const channel of ['a', 'b', 'c']) client.subscribe(channel);
    await settled();
    client.take();
    await publishTo(site, ['a', 'b', 'a', 'nobody']);
    await settled();
    expect(client.take()).toEqual([
      { event: 'x', data: '1', channel: 'a' },
      { event: 'x', data: '1', channel: 'b' },
    ]);
  });

  test('3.13 data is sent unchanged', async () => {
    const site = openCore({ apps: [app] });
    const client = await site.connect();
    client.subscribe('a');
    await settled();
    const data = JSON.stringify('{"a": 1e3, "ü": "\u2028"}');
    await publishTo(site, ['a'], data);
    await settled();
    expect(client.socket.payloads.at(-1)).toBe(`{"event":"x","data":${data},"channel":"a"}`);
  });

  test('3.13 the excluded socket does not receive it; an unknown socket id excludes none', async () => {
    const site = openCore({ apps: [app] });
    const [client, other] = [await site.connect(), await site.connect()];
    for (const each of [client, other]) each.subscribe('a');
    await settled();
    await publishTo(site, ['a'], '"1"', client.socketId);
    await publishTo(site, ['a'], '"2"', '9.9');
    await settled();
    expect(client.frames.slice(2).map(({ data }) => data)).toEqual(['2']);
    expect(other.frames.slice(2).map(({ data }) => data)).toEqual(['1', '2']);
  });

  test('3.10 only cache channels cache it, whichever socket was excluded', async () => {
    const alone = { ...app, historySize: 0 };
    const site = openCore({ apps: [alone] });
    const channels = ['a', 'cache-a', 'private-cache-a', 'presence-a'];
    const event = { name: 'x', dataJson: '"1"', channels, except: '1.1' };
    await publish({ ...site, ...site.stores }, alone, event, REQUEST);
    const last = async (channel: string) =>
      (await site.stores.cachedEvents.last({ app: 'app-id', channel }))?.payload;
    expect(await last('a')).toBeUndefined();
    expect(await last('presence-a')).toBeUndefined();
    expect(await last('cache-a')).toBe('{"event":"x","data":"1","channel":"cache-a"}');
    expect(await last('private-cache-a')).toBe('{"event":"x","data":"1","channel":"private-cache-a"}');
  });

  test('8.3 is not published when one of its channels is too far behind', async () => {
    const site = openCore({ apps: [app] });
    const client = await site.connect();
    for (const channel of ['a', 'b']) client.subscribe(channel);
    await settled();
    client.take();
    for (let at = 0; at < 1000; at += 1) site.hub.deliver({ app: 'app-id', channel: 'b' }, { payload: '{}' });
    await expect(publishTo(site, ['a', 'b'])).rejects.toBeInstanceOf(Unavailable);
    await settled();
    expect(client.take().filter(({ event }) => event === 'x')).toEqual([]);
    await publishTo(site, ['a', 'b']);
    await settled();
    expect(client.take()).toHaveLength(2);
  });
});

const away = new Unavailable('away');
const lost = new OutcomeUnknown('lost');
const defect = new Error('broken');

/** A site whose broker takes what is published on a channel, or fails as the test sets it. */
const openFailing = (failures: Readonly<Record<string, Error>>): TestCore => {
  const publish = ({ channel }: ChannelRef): Promise<void> => {
    const failure = failures[channel];
    return failure === undefined ? Promise.resolve() : Promise.reject(failure);
  };
  const stores = (memory: Stores): Stores => ({
    ...memory,
    broker: withOverrides(memory.broker, { publish }),
  });
  return openCore({ apps: [app], stores });
};

describe('one request of several channels', () => {
  test.each([
    ['none is taken: it is refused, and may be sent again', { a: away, b: away }, Unavailable],
    ['one is taken, one is not: what became of it is not known', { b: away }, OutcomeUnknown],
    ['one is not taken, one is: what became of it is not known', { a: away }, OutcomeUnknown],
    ['of one it is not known', { b: lost }, OutcomeUnknown],
    ['one is not taken, of one it is not known', { a: away, b: lost }, OutcomeUnknown],
  ])('8.3 %s', async (_, failures, kind) => {
    await expect(publishTo(openFailing(failures), ['a', 'b'])).rejects.toBeInstanceOf(kind);
  });

  test('8.3 a defect is reported as a defect, whatever the outcome of the other channels', async () => {
    await expect(publishTo(openFailing({ a: away, b: defect }), ['a', 'b', 'c'])).rejects.toBe(defect);
  });

  test.each([
    [['a', 'b'], OutcomeUnknown],
    [['b', 'a'], Unavailable],
  ])('8.5 a batch to %j, where b is not taken, goes on no further', async (channels, kind) => {
    const site = openFailing({ b: away });
    const batch = channels.map((channel) => ({ name: 'x', dataJson: '"1"', channels: [channel] }));
    await expect(publishAll({ ...site, ...site.stores }, app, batch, REQUEST)).rejects.toBeInstanceOf(kind);
  });
});
