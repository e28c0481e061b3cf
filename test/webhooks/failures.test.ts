import { expect, test } from 'vitest';
import { resultOf, retryAfterMsOf } from '../../src/webhooks/http/answer.ts';
import { deliver, endpointOf, receiverWith, record } from './deliver.ts';
import { status } from './receiver.ts';
import { waitFor } from '../support/wait-for.ts';

test.each([400, 401, 403, 404, 410, 422])('9.6 %i is given up at once', async (code) => {
  const receiver = await receiverWith(status(code));
  const { outbox } = deliver([endpointOf('a', receiver.url)]);
  await outbox.add(record('a'));
  await waitFor(() =>
    expect(outbox.dead).toMatchObject([{ id: 'id-1', endpoint: 'a', reason: `HTTP ${code}` }]),
  );
  expect(receiver.requests).toHaveLength(1);
});

test.each([301, 408, 409, 425, 429, 500, 503])('9.6 %i is retried', async (code) => {
  const receiver = await receiverWith((response, _, count) =>
    response.writeHead(count === 1 ? code : 200).end(),
  );
  const { outbox } = deliver([endpointOf('a', receiver.url)]);
  await outbox.add(record('a'));
  await waitFor(() => expect(outbox.doneOf('a')).toEqual(['id-1']));
  expect(receiver.requests).toHaveLength(2);
});

test('9.6 an event is given up after its attempts', async () => {
  const receiver = await receiverWith(status(500));
  const { outbox } = deliver([endpointOf('a', receiver.url)], { maxAttempts: 3 });
  await outbox.add(record('a'));
  await waitFor(() => expect(outbox.dead).toHaveLength(1));
  expect(receiver.requests).toHaveLength(3);
});

test('9.6 an event is given up at its age, and the next of its channel follows', async () => {
  const receiver = await receiverWith((response, { body }) =>
    response.writeHead(body.includes('vacated') ? 200 : 500).end(),
  );
  const { outbox } = deliver([endpointOf('a', receiver.url)], { giveUpAfterMs: 200, attemptsToOpen: 1000 });
  const begun = Date.now();
  await outbox.add(record('a'));
  await outbox.add(record('a', 'channel_vacated'));
  await waitFor(() => expect(outbox.doneOf('a')).toEqual(['id-2']));
  expect(outbox.dead).toHaveLength(1);
  expect(Date.now() - begun).toBeGreaterThanOrEqual(200);
});

test('9.6 an old event that was never tried gets an attempt', async () => {
  const receiver = await receiverWith();
  const { outbox } = deliver([endpointOf('a', receiver.url)]);
  await outbox.add(record('a'), 1000);
  await waitFor(() => expect(outbox.doneOf('a')).toEqual(['id-1']));
});

test('9.6 Retry-After holds the endpoint', async () => {
  const receiver = await receiverWith((response, _, count) =>
    response.writeHead(count === 1 ? 429 : 200, { 'retry-after': '1' }).end(),
  );
  const { outbox } = deliver([endpointOf('a', receiver.url)]);
  await outbox.add(record('a'));
  await waitFor(() => expect(receiver.requests).toHaveLength(1));
  await waitFor(() => expect(outbox.failures).toHaveLength(1));
  await outbox.add(record('b'));
  await waitFor(() => expect(outbox.doneOf('a')).toHaveLength(2));
  expect(receiver.requests[1]!.atMs - receiver.requests[0]!.atMs).toBeGreaterThanOrEqual(990);
});

test.each([
  ['7', 7000],
  ['Thu, 01 Jan 1970 00:01:00 GMT', 60_000],
  ['300', 300_000],
  ['301', 300_000],
  ['Thu, 01 Jan 1960 00:00:00 GMT', 0],
  ['soon', undefined],
  [undefined, undefined],
])('9.6 Retry-After %s is %s ms', (text, ms) => expect(retryAfterMsOf(text, 0)).toBe(ms));

test.each([200, 204, 299])('9.1 %i is success', (code) =>
  expect(resultOf(code, undefined, 0)).toEqual({ isDelivered: true, status: code }),
);

test('9.6 an endpoint that fails is left alone but for one probe at a time, with one line at its beginning and one at its end', async () => {
  const receiver = await receiverWith(status(500));
  const { outbox, lines } = deliver([endpointOf('shop', `${receiver.url}?token=s3cret`)], {
    probeEveryMs: 100,
    maxInFlight: 1,
  });
  for (let at = 0; at < 20; at += 1) await outbox.add(record(`c-${at}`));
  await waitFor(() => expect(lines).toHaveLength(1));
  const opened = receiver.requests.length;
  await waitFor(() => expect(receiver.requests.length).toBeGreaterThanOrEqual(opened + 2));
  expect(opened).toBe(5);
  const probes = receiver.requests.slice(4).map(({ atMs }) => atMs);
  for (const [at, atMs] of probes.slice(1).entries()) expect(atMs - probes[at]!).toBeGreaterThanOrEqual(90);
  receiver.answer = status(200);
  await waitFor(() => expect(outbox.doneOf('shop')).toHaveLength(20));
  expect(lines).toEqual([
    expect.stringMatching(/^Webhook endpoint shop fails/),
    expect.stringMatching(/^Webhook endpoint shop delivers again/),
  ]);
});

test('9.6 what becomes too old while its endpoint fails goes to the dead letters without an attempt of its own', async () => {
  const receiver = await receiverWith(status(500));
  const { outbox } = deliver([endpointOf('a', receiver.url)], {
    probeEveryMs: 50,
    giveUpAfterMs: 300,
    maxInFlight: 2,
  });
  for (let at = 0; at < 40; at += 1) await outbox.add(record('a'));
  for (let at = 0; at < 10; at += 1) await outbox.add(record(`b-${at}`));
  await waitFor(() => expect(outbox.dead).toHaveLength(50));
  expect(receiver.requests.length).toBeLessThan(40);
});

test('9.6 no line, dead letter or status contains a secret', async () => {
  const port = (await receiverWith()).port;
  const url = `http://user:s3cret@127.0.0.1:${port}/hook?token=s3cret`;
  const silent = `http://user:s3cret@127.0.0.1:1/hook?token=s3cret`;
  const headers = { 'X-Token': 's3cret' };
  const { outbox, lines, webhooks } = deliver(
    [endpointOf('a', url, { headers }), endpointOf('b', silent, { headers })],
    { maxAttempts: 6, attemptsToOpen: 2, probeEveryMs: 20 },
  );
  await outbox.add(record('a'));
  await waitFor(() => expect(outbox.dead).toHaveLength(1));
  const shown = JSON.stringify([lines, outbox.dead, await webhooks.status.read(), await webhooks.test('b')]);
  expect(shown).toContain('ECONNREFUSED');
  expect(shown).not.toMatch(/s3cret|app-secret/);
});
