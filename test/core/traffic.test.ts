import { describe, expect, test } from 'vitest';
import type { HistogramMetric, NumberMetric } from '../../src/core/ports/metric.ts';
import { publish, publishAll } from '../../src/core/channels/publish.ts';
import { trafficMetrics } from '../../src/core/traffic/metrics.ts';
import { MAX_COUNTED_APPS, Traffic } from '../../src/core/traffic/traffic.ts';
import { type Client, FakeSocket, openCore, REQUEST, settled, type TestCore, testApp } from './fakes.ts';

const app = testApp({ cacheTtlSeconds: 60 });
const APP = 'app-id';

/** The values of one metric, by its labels joined: `{'app-id client': 1}`. */
function valuesOf(traffic: Traffic, name: string): Record<string, number> {
  const metric = trafficMetrics(traffic).find((each) => each.name === `wavehall_${name}`) as NumberMetric;
  return Object.fromEntries(
    [...metric.values()]
      .filter(([, value]) => value !== 0)
      .map(([labels, value]) => [labels.slice(1).join(' ') || (labels[0] ?? ''), value]),
  );
}

const latencyOf = ({ traffic }: TestCore) =>
  (trafficMetrics(traffic).find(({ kind }) => kind === 'histogram') as HistogramMetric).values();

/** Subscribes, and waits until it is done. */
async function subscribe(client: Client, channel: string): Promise<void> {
  client.subscribe(channel);
  await settled();
}

const event = (channels: readonly string[], except?: string) => ({
  name: 'x',
  dataJson: '"1"',
  channels,
  except,
});

describe('connections', () => {
  test('are counted by transport while they are open, and when they opened', async () => {
    const site = openCore({ apps: [app] });
    const first = await site.connect();
    await site.connect();
    expect(valuesOf(site.traffic, 'connections')).toEqual({ websocket: 2 });
    first.session.closed(1001);
    await settled();
    expect(valuesOf(site.traffic, 'connections')).toEqual({ websocket: 1 });
    expect(valuesOf(site.traffic, 'connections_opened_total')).toEqual({ websocket: 2 });
    expect(valuesOf(site.traffic, 'connections_closed_total')).toEqual({ client: 1 });
  });

  test.each([
    [1000, 'client'],
    [1001, 'client'],
    [1005, 'client'],
    [4711, 'client'],
    [1006, 'lost'],
    [1002, 'protocol_error'],
    [1007, 'protocol_error'],
    [1008, 'protocol_error'],
    [1009, 'message_size'],
  ])('a socket that closed with %i counts as %s', async (code, cause) => {
    const site = openCore({ apps: [app] });
    const client = await site.connect();
    client.session.closed(code);
    await settled();
    expect(valuesOf(site.traffic, 'connections_closed_total')).toEqual({ [cause]: 1 });
  });

  test('that the app terminates count as terminated, whatever the code of the app is', async () => {
    const site = openCore({ apps: [testApp({ terminateCloseCode: 4200 })] });
    const client = await site.connect();
    client.signin({ id: 'u1' });
    await settled();
    site.users.terminate(APP, 'u1');
    client.session.closed(client.socket.closed?.code ?? 0);
    await settled();
    expect(valuesOf(site.traffic, 'connections_closed_total')).toEqual({ terminated: 1 });
  });

  test('of slow readers count as slow_reader', async () => {
    const site = openCore({ apps: [app] });
    const client = await site.connect();
    client.socket.bufferedBytes = 10_001;
    client.send({ event: 'pusher:ping', data: {} });
    expect(client.socket.terminated).toBe(true);
    client.session.closed(1006);
    await settled();
    expect(valuesOf(site.traffic, 'connections_closed_total')).toEqual({ slow_reader: 1 });
  });

  test('that are refused count by the code; without an app as unknown', async () => {
    const site = openCore({ apps: [testApp({ enabled: false })] });
    await site.connect();
    await site.connect({ appKey: 'no-such-key' });
    const { traffic } = site;
    expect(valuesOf(traffic, 'connections_refused_total')).toEqual({ 4003: 1, 4001: 1 });
    expect([...traffic.unknown.refused.entries()]).toEqual([['4001', 1]]);
    expect(valuesOf(traffic, 'connections')).toEqual({});
  });
});

describe('channels and subscriptions', () => {
  test('are counted by kind, and go down again', async () => {
    const site = openCore({ apps: [app] });
    const [one, two] = [await site.connect(), await site.connect()];
    await subscribe(one, 'orders');
    await subscribe(two, 'orders');
    await subscribe(one, 'cache-orders');
    expect(valuesOf(site.traffic, 'channels')).toEqual({ public: 1, cache: 1 });
    expect(valuesOf(site.traffic, 'subscriptions')).toEqual({ public: 2, cache: 1 });
    one.session.closed(1000);
    two.session.closed(1000);
    await settled();
    expect(valuesOf(site.traffic, 'channels')).toEqual({});
    expect(valuesOf(site.traffic, 'subscriptions')).toEqual({});
  });

  test('subscriptions that are refused count by their reason', async () => {
    const site = openCore({ apps: [app] });
    const client = await site.connect();
    client.subscribe('private-orders', undefined, { key: 'app-key', secret: 'another' });
    client.subscribe('bad name');
    await settled();
    expect(valuesOf(site.traffic, 'subscriptions_refused_total')).toEqual({
      channel_signature: 1,
      channel_name: 1,
    });
  });

  test('subscriptions to cache channels count as hit or miss', async () => {
    const site = openCore({ apps: [app] });
    const client = await site.connect();
    await subscribe(client, 'cache-orders');
    await publish({ ...site, ...site.stores }, app, event(['cache-orders']), REQUEST);
    await subscribe(await site.connect(), 'cache-orders');
    expect(valuesOf(site.traffic, 'cache_misses_total')).toEqual({ [APP]: 1 });
    expect(valuesOf(site.traffic, 'cache_hits_total')).toEqual({ [APP]: 1 });
  });
});

describe('events', () => {
  test('count once for each channel, by where they came from', async () => {
    const site = openCore({ apps: [testApp({ clientEvents: 'all' })] });
    const deps = { ...site, ...site.stores };
    await publish(deps, app, event(['a', 'b']), REQUEST);
    await publish(deps, app, event(['#server-to-user-1']), REQUEST);
    await publishAll(deps, app, [event(['a']), event(['a'])], { ...REQUEST, source: 'batch' });
    const client = await site.connect();
    await subscribe(client, 'private-a');
    client.sendClientEvent('private-a', 'client-x', {});
    await settled();
    expect(valuesOf(site.traffic, 'events_published_total')).toEqual({
      http: 2,
      server_to_user: 1,
      batch: 2,
      client: 1,
    });
  });

  test('that the broker does not take are not counted', async () => {
    const site = openCore({ apps: [app] });
    const broker = { ...site.stores.broker, publish: () => Promise.reject(new Error('no')) };
    const deps = { ...site, ...site.stores, broker };
    await expect(publish(deps, app, event(['a']), REQUEST)).rejects.toThrow();
    expect(valuesOf(site.traffic, 'events_published_total')).toEqual({});
  });

  test('count as deliveries for each socket, with their bytes; the excluded socket is omitted', async () => {
    const site = openCore({ apps: [app] });
    const clients = [await site.connect(), await site.connect(), await site.connect()];
    for (const client of clients) await subscribe(client, 'a');
    const { messagesSent, bytesSent } = site.traffic.of(APP);
    await publish({ ...site, ...site.stores }, app, event(['a'], clients[0]?.socketId), REQUEST);
    await settled();
    const after = site.traffic.of(APP);
    const frame = clients[1]?.socket.writes.at(-1)?.length ?? 0;
    expect(after.deliveries).toBe(2);
    expect(after.messagesSent - messagesSent).toBe(2);
    expect(after.bytesSent - bytesSent).toBe(2 * frame);
    expect(valuesOf(site.traffic, 'deliveries_omitted_total')).toEqual({ excluded: 1 });
  });

  test('several of one tick count each, with all their bytes', async () => {
    const site = openCore({ apps: [app] });
    const sockets = [new FakeSocket(), new FakeSocket()];
    for (const socket of sockets) await subscribe(await site.connect({ socket }), 'a');
    const bytesBefore = site.traffic.of(APP).bytesSent;
    const writtenBefore = sockets.map(({ writes }) => Buffer.concat(writes).length);
    const deps = { ...site, ...site.stores };
    await Promise.all(['1', '2', '3'].map(() => publish(deps, app, event(['a']), REQUEST)));
    await settled();
    const written = sockets.map(({ writes }, at) => Buffer.concat(writes).length - (writtenBefore[at] ?? 0));
    expect(site.traffic.of(APP).deliveries).toBe(6);
    expect(site.traffic.of(APP).bytesSent - bytesBefore).toBe((written[0] ?? 0) + (written[1] ?? 0));
  });

  test('best-effort ones are omitted for a socket that reads too slowly', async () => {
    const site = openCore({ apps: [app] });
    const client = await site.connect();
    await subscribe(client, 'a');
    client.socket.bufferedBytes = 2000;
    site.hub.deliver({ app: APP, channel: 'a' }, { payload: '{}', bestEffort: true });
    site.hub.deliver({ app: APP, channel: 'a' }, { payload: '{}' });
    await settled();
    expect(valuesOf(site.traffic, 'deliveries_omitted_total')).toEqual({ slow: 1 });
    expect(site.traffic.of(APP).deliveries).toBe(1);
  });

  test('for a socket that is closing are omitted', async () => {
    const site = openCore({ apps: [app] });
    const client = await site.connect();
    await subscribe(client, 'a');
    for (const connection of site.hub.connections()) connection.end({ code: 4200, message: 'x' });
    site.hub.deliver({ app: APP, channel: 'a' }, { payload: '{}' });
    site.hub.deliver({ app: APP, channel: 'a' }, { payload: '{}' });
    await settled();
    expect(valuesOf(site.traffic, 'deliveries_omitted_total')).toEqual({ closing: 2 });
  });

  test('messages of clients count with their bytes', async () => {
    const site = openCore({ apps: [app] });
    const client = await site.connect();
    client.session.received(Buffer.from('{"event":"pusher:ping","data":{}}'));
    client.session.received(Buffer.from('no JSON'));
    expect(valuesOf(site.traffic, 'messages_received_total')).toEqual({ [APP]: 2 });
    expect(valuesOf(site.traffic, 'received_bytes_total')).toEqual({ [APP]: 40 });
  });
});

describe('the time of a delivery', () => {
  test('is measured from the request to the last socket, for at most one event in 10 ms', async () => {
    const site = openCore({ apps: [app] });
    await subscribe(await site.connect(), 'a');
    const deps = { ...site, ...site.stores };
    const receivedAtMs = performance.now() - 70;
    for (const laterMs of [0, 5, 11]) {
      await publish(deps, app, event(['a']), { source: 'http', receivedAtMs: receivedAtMs + laterMs });
      await settled();
    }
    const [[, histogram] = [[], undefined]] = [...latencyOf(site)];
    expect(histogram?.counts.reduce((sum, count) => sum + count, 0)).toBe(2);
    expect(histogram?.sum).toBeGreaterThan(0.12);
  });

  test('is not measured without a subscriber here, nor for another event of the channel', async () => {
    const site = openCore({ apps: [app] });
    const deps = { ...site, ...site.stores };
    await publish(deps, app, event(['nobody']), { source: 'http', receivedAtMs: 1 });
    await subscribe(await site.connect(), 'a');
    site.hub.measureDelivery({ app: APP, channel: 'a' }, { payload: 'measured', receivedAtMs: 1 });
    site.hub.deliver({ app: APP, channel: 'a' }, { payload: 'another' });
    await settled();
    const [[, histogram] = [[], undefined]] = [...latencyOf(site)];
    expect(histogram?.sum).toBe(0);
    site.hub.deliver({ app: APP, channel: 'a' }, { payload: 'measured' });
    await settled();
    expect(histogram?.sum).toBeGreaterThan(0);
  });
});

describe('apps', () => {
  test(`from number ${MAX_COUNTED_APPS + 1} on are counted together as "other"`, () => {
    const traffic = new Traffic();
    for (let at = 1; at <= MAX_COUNTED_APPS + 2; at += 1) traffic.of(`app-${at}`).deliveries += 1;
    const values = valuesOf(traffic, 'deliveries_total');
    expect(Object.keys(values)).toHaveLength(MAX_COUNTED_APPS + 1);
    expect(values[`app-${MAX_COUNTED_APPS}`]).toBe(1);
    expect(values.other).toBe(2);
  });

  test('with the names "other" and "unknown" share those counts, so that no series is there twice', () => {
    const traffic = new Traffic();
    traffic.of('other').deliveries += 1;
    traffic.of('unknown').deliveries += 1;
    for (let at = 1; at <= MAX_COUNTED_APPS; at += 1) traffic.of(`app-${at}`).deliveries += 1;
    expect(valuesOf(traffic, 'deliveries_total')).toMatchObject({ other: 2, unknown: 1 });
  });
});
