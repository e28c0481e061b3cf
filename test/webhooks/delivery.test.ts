import Pusher from 'pusher';
import { expect, test } from 'vitest';
import { appOf, CREDENTIAL, deliver, endpointOf, receiverWith, record } from './deliver.ts';
import { TestOutbox } from './memory-outbox.ts';
import { eventsIn, status } from './receiver.ts';
import { waitFor } from '../support/wait-for.ts';

test('9.1 the official library validates what is sent, with its time, its delivery and its attempt', async () => {
  const receiver = await receiverWith();
  const { outbox } = deliver([endpointOf('a', receiver.url)]);
  await outbox.add(record('presence-a', 'member_added', { user_id: '7' }), 1_327_078_148_132);
  await waitFor(() => expect(outbox.doneOf('a')).toEqual(['id-1']));
  const { headers, body } = receiver.requests[0]!;
  const webhook = new Pusher({ appId: 'app-id', host: 'localhost', ...CREDENTIAL }).webhook({
    headers: headers,
    rawBody: body,
  });
  expect(webhook.isValid()).toBe(true);
  expect(webhook.getTime().getTime()).toBe(1_327_078_148_132);
  expect(webhook.getEvents()).toEqual([{ name: 'member_added', channel: 'presence-a', user_id: '7' }]);
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'user-agent': 'Wavehall/test',
    'wavehall-delivery': 'id-1',
    'wavehall-attempt': '1',
  });
});

test('9.1 headers of an endpoint are sent, but replace none that the receiver relies on', async () => {
  const receiver = await receiverWith();
  const headers = {
    'X-Own': 'yes',
    'x-pusher-signature': 'forged',
    'X-PUSHER-KEY': 'forged',
    'content-type': 'text/plain',
    'Wavehall-Delivery': 'forged',
    'CONTENT-LENGTH': '3',
    Host: 'forged',
    'wavehall-Attempt': 'forged',
  };
  const { outbox } = deliver([endpointOf('a', receiver.url, { headers })]);
  await outbox.add(record('a'));
  await waitFor(() => expect(outbox.doneOf('a')).toHaveLength(1));
  expect(receiver.requests[0]!.headers).toMatchObject({
    'x-own': 'yes',
    'content-type': 'application/json',
    'x-pusher-key': 'app-key',
  });
  expect(JSON.stringify(receiver.requests[0]!.headers)).not.toContain('forged');
});

test.each([
  ['as Basic authentication', {}, `Basic ${Buffer.from('user:p@ss').toString('base64')}`],
  ['not, when the endpoint has a header for that', { authorization: 'Bearer t' }, 'Bearer t'],
])('9.1 a login in the URL is sent %s', async (_, headers, sent) => {
  const receiver = await receiverWith();
  const url = receiver.url.replace('http://', 'http://user:p%40ss@');
  const { webhooks } = deliver([endpointOf('a', url, { headers })]);
  expect(await webhooks.test('a')).toMatchObject({ isDelivered: true });
  expect(receiver.requests[0]!.headers.authorization).toBe(sent);
  expect(JSON.stringify(await webhooks.list())).not.toMatch(/user|p@ss|p%40ss/);
});

test('9.6 what was due for an app that is disabled now is delivered', async () => {
  const receiver = await receiverWith();
  const outbox = new TestOutbox(['a']);
  await outbox.add(record('a', 'channel_vacated'));
  const app = { ...appOf([endpointOf('a', receiver.url)]), enabled: false };
  deliver([], {}, undefined, { apps: [app], outbox });
  await waitFor(() => expect(outbox.doneOf('a')).toEqual(['id-1']));
});

test('9.1 after a rotation the first credential signs what was due before', async () => {
  const receiver = await receiverWith();
  const outbox = new TestOutbox(['a']);
  await outbox.add(record('a'));
  const fresh = { key: 'new-key', secret: 'new-secret' };
  const app = { ...appOf([endpointOf('a', receiver.url)]), credentials: [fresh, CREDENTIAL] as const };
  deliver([], {}, undefined, { apps: [app], outbox });
  await waitFor(() => expect(outbox.doneOf('a')).toEqual(['id-1']));
  const { headers, body } = receiver.requests[0]!;
  const pusher = (credential: typeof fresh) =>
    new Pusher({ appId: 'app-id', host: 'localhost', ...credential });
  expect(pusher(fresh).webhook({ headers, rawBody: body }).isValid()).toBe(true);
  // The receiver that still has the old pair takes the new one as a further token.
  expect(pusher(CREDENTIAL).webhook({ headers, rawBody: body }).isValid()).toBe(false);
  expect(pusher(CREDENTIAL).webhook({ headers, rawBody: body }).isValid([fresh])).toBe(true);
});

test('9.5 an endpoint gets the events that its types, prefix and suffix select, and the rest is done', async () => {
  const receiver = await receiverWith();
  const { outbox } = deliver([
    endpointOf('a', receiver.url, {
      eventTypes: ['channel_occupied'],
      channelPrefix: 'orders-',
      channelSuffix: '-eu',
    }),
  ]);
  for (const channel of ['orders-1-eu', 'orders-1', 'x-eu']) await outbox.add(record(channel));
  await outbox.add(record('orders-1-eu', 'channel_vacated'));
  await outbox.add(record('', 'connection_opened', { socket_id: '1.1' }));
  await waitFor(() => expect(outbox.doneOf('a')).toHaveLength(5));
  expect(receiver.requests.flatMap(eventsIn)).toEqual([{ name: 'channel_occupied', channel: 'orders-1-eu' }]);
});

test('9.3 events without a channel go only to endpoints that want nothing else', async () => {
  const [all, own] = [await receiverWith(), await receiverWith()];
  const { outbox } = deliver([
    endpointOf('all', all.url),
    endpointOf('own', own.url, { eventTypes: ['connection_opened', 'user_online'] }),
  ]);
  await outbox.add(record('', 'connection_opened', { socket_id: '1.1' }));
  await outbox.add(record('a'));
  await waitFor(() => expect([outbox.doneOf('all').length, outbox.doneOf('own').length]).toEqual([2, 2]));
  expect(all.requests.flatMap(eventsIn)).toEqual([{ name: 'channel_occupied', channel: 'a' }]);
  expect(own.requests.flatMap(eventsIn)).toEqual([{ name: 'connection_opened', socket_id: '1.1' }]);
});

test('9.6 body, time and signature are the same in every attempt; only the number of the attempt rises', async () => {
  const receiver = await receiverWith((response, _, count) =>
    response.writeHead(count < 3 ? 500 : 204).end(),
  );
  const { outbox } = deliver([endpointOf('a', receiver.url)]);
  await outbox.add(record('a'));
  await waitFor(() => expect(outbox.doneOf('a')).toHaveLength(1));
  const { requests } = receiver;
  expect(requests.map(({ headers }) => headers['wavehall-attempt'])).toEqual(['1', '2', '3']);
  expect(new Set(requests.map(({ body }) => body)).size).toBe(1);
  expect(new Set(requests.map(({ headers }) => headers['x-pusher-signature'])).size).toBe(1);
  expect(outbox.failures).toEqual([
    { id: 'id-1', attempts: 1 },
    { id: 'id-1', attempts: 2 },
  ]);
});

test('9.6 an entry of a node that ended continues with its number of attempts', async () => {
  const receiver = await receiverWith();
  const { outbox } = deliver([endpointOf('a', receiver.url)]);
  await outbox.add(record('a'), Date.now(), { attempts: 4 });
  await waitFor(() => expect(receiver.requests[0]?.headers['wavehall-attempt']).toBe('5'));
});

test('9.6 each channel keeps its order while its endpoint fails, and other channels and endpoints go on', async () => {
  const refused = new Map<string, number>();
  const shaky = await receiverWith((response, received) => {
    const { channel } = eventsIn(received)[0]!;
    const count = (refused.get(channel) ?? 0) + 1;
    refused.set(channel, count);
    response.writeHead(count % 3 === 0 ? 200 : 503).end();
  });
  const well = await receiverWith();
  const silent = await receiverWith(() => {});
  const { outbox } = deliver(
    [endpointOf('shaky', shaky.url), endpointOf('well', well.url), endpointOf('silent', silent.url)],
    // The silent one is not tried again within the test.
    { attemptsToOpen: 1000, timeoutMs: 60_000 },
  );
  for (let at = 0; at < 20; at += 1)
    for (const channel of ['a', 'b', 'c'])
      await outbox.add(record(channel, 'subscription_count', { subscription_count: at }));
  await waitFor(() =>
    expect([outbox.doneOf('shaky').length, outbox.doneOf('well').length]).toEqual([60, 60]),
  );
  for (const { requests } of [shaky, well])
    for (const channel of ['a', 'b', 'c']) {
      const counts = requests
        .flatMap((each) => eventsIn(each) as unknown as { channel: string; subscription_count: number }[])
        .filter((each) => each.channel === channel)
        .map((each) => each.subscription_count);
      expect([...new Set(counts)]).toEqual(Array.from({ length: 20 }, (_, at) => at));
      expect(counts).toEqual(counts.toSorted((one, other) => one - other));
    }
  expect(silent.requests).toHaveLength(3);
});

test('9.9 at most 16 requests of an endpoint are in flight', async () => {
  const receiver = await receiverWith(() => {});
  const { outbox } = deliver([endpointOf('a', receiver.url)]);
  for (let at = 0; at < 17; at += 1) await outbox.add(record(`c-${at}`));
  await waitFor(() => expect(receiver.requests).toHaveLength(16));
  expect(receiver.connections).toBe(16);
});

test('9.9 at most 1000 entries of an endpoint are taken', async () => {
  const receiver = await receiverWith(() => {});
  const { outbox } = deliver([endpointOf('a', receiver.url)]);
  for (let at = 0; at < 1001; at += 1) await outbox.add(record(`c-${at}`));
  await waitFor(() => expect(outbox.takenOf('a')).toBe(1000));
  expect((await outbox.waiting('a')).entries).toBe(1001);
});

test('9.6 connections are reused', async () => {
  const receiver = await receiverWith();
  const { outbox } = deliver([endpointOf('a', receiver.url)]);
  for (let at = 0; at < 50; at += 1) await outbox.add(record('a'));
  await waitFor(() => expect(outbox.doneOf('a')).toHaveLength(50));
  expect(receiver.connections).toBeLessThanOrEqual(2);
});

test('9.6 what the outbox was not told is reported when it is back', async () => {
  const receiver = await receiverWith();
  const { outbox } = deliver([endpointOf('a', receiver.url)]);
  receiver.answer = (response) => {
    outbox.isAway = true;
    response.writeHead(200).end();
  };
  await outbox.add(record('a'));
  await waitFor(() => expect(receiver.requests).toHaveLength(1));
  outbox.isAway = false;
  await waitFor(() => expect(outbox.doneOf('a')).toEqual(['id-1']));
  expect(receiver.requests).toHaveLength(1);
});

test('9.9 a batch has at most so many events, in order, and is retried with the same body', async () => {
  const receiver = await receiverWith((response, _, count) =>
    response.writeHead(count === 1 ? 500 : 200).end(),
  );
  const batching = { maxEvents: 100, maxDelayMs: 1000, maxBytes: 1_000_000 };
  const { outbox } = deliver([endpointOf('a', receiver.url)], { batching, maxInFlight: 1 });
  for (let at = 0; at < 101; at += 1) await outbox.add(record(`c-${at}`));
  await waitFor(() => expect(outbox.doneOf('a')).toHaveLength(101));
  const { requests } = receiver;
  expect(requests[0]!.body).toBe(requests.find(({ headers }) => headers['wavehall-attempt'] === '2')!.body);
  const delivered = requests
    .slice(1)
    .flatMap(eventsIn)
    .map(({ channel }) => channel);
  expect(delivered.toSorted()).toEqual(Array.from({ length: 101 }, (_, at) => `c-${at}`).toSorted());
  expect(requests.map((each) => eventsIn(each).length).toSorted()).toEqual([1, 100, 100]);
});

test('9.9 a batch is sent after its delay, and holds no more than its bytes', async () => {
  const receiver = await receiverWith();
  const batching = { maxEvents: 100, maxDelayMs: 50, maxBytes: 120 };
  const { outbox } = deliver([endpointOf('a', receiver.url)], { batching });
  const begun = Date.now();
  await outbox.add(record('a'));
  await outbox.add(record('b'));
  await waitFor(() => expect(outbox.doneOf('a')).toHaveLength(2));
  expect(Date.now() - begun).toBeGreaterThanOrEqual(45);
  expect(receiver.requests.map((each) => eventsIn(each).length)).toEqual([2]);
  for (const channel of ['c', 'd', 'e']) await outbox.add(record(channel));
  await waitFor(() => expect(outbox.doneOf('a')).toHaveLength(5));
  expect(
    receiver.requests
      .map((each) => eventsIn(each).length)
      .slice(1)
      .toSorted(),
  ).toEqual([1, 2]);
});

test('9.6 a test is sent at once, and gives the status or the reason', async () => {
  const receiver = await receiverWith();
  const { webhooks } = deliver([endpointOf('a', receiver.url)]);
  expect(await webhooks.test('a')).toEqual({ isDelivered: true, status: 200 });
  expect(receiver.requests.flatMap(eventsIn)).toEqual([
    { name: 'channel_occupied', channel: 'wavehall-test' },
  ]);
  receiver.answer = status(404);
  expect(await webhooks.test('a')).toMatchObject({ isDelivered: false, reason: 'HTTP 404' });
  expect(await webhooks.test('none')).toBeUndefined();
});

test('9.6 close leaves in the outbox what is not delivered, within its time', async () => {
  const receiver = await receiverWith(() => {});
  const { webhooks, outbox } = deliver([endpointOf('a', receiver.url)]);
  await outbox.add(record('a'));
  await outbox.add(record('a'));
  await waitFor(() => expect(receiver.requests).toHaveLength(1));
  await webhooks.close();
  expect((await outbox.waiting('a')).entries).toBe(2);
  expect([outbox.doneOf('a'), outbox.dead, outbox.failures]).toEqual([[], [], []]);
});

test('9.6 metrics and status show each endpoint', async () => {
  const receiver = await receiverWith((response, _, count) =>
    response.writeHead(count === 1 ? 500 : 200).end(),
  );
  const { webhooks, outbox } = deliver([endpointOf('a', receiver.url)]);
  await outbox.add(record('a'));
  await waitFor(() => expect(outbox.doneOf('a')).toHaveLength(1));
  expect(await webhooks.status.read()).toMatchObject({
    dropped: 0,
    endpoints: [
      {
        endpoint: 'a',
        app: appOf([]).id,
        state: 'ok',
        lastStatus: 200,
        waiting: 0,
        due: 1,
        sent: 1,
        failed: 1,
        retried: 1,
        dead: 0,
      },
    ],
  });
  const values = Object.fromEntries(webhooks.metrics.map((metric) => [metric.name, [...metric.values()]]));
  expect(values.wavehall_webhooks_sent_total).toEqual([[['a'], 1]]);
  expect(values.wavehall_webhooks_dropped_total).toEqual([[[], 0]]);
});
