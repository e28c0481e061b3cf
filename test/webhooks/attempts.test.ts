/** When a delivery is tried, tried again and given up: the rules of SPEC 9.6 with their own figures, on a clock of the test. */
import { expect, test } from 'vitest';
import { resultOf } from '../../src/webhooks/http/answer.ts';
import { record } from './deliver.ts';
import { advance, fakeEndpoint, fakeTime, pausesOf } from './fake-endpoint.ts';
import { TestOutbox } from './memory-outbox.ts';

const MINUTE_MS = 60_000;
const GIVE_UP_MS = 5 * MINUTE_MS;
/** No breaker, so that each attempt is one of the back-off. */
const NO_BREAKER = { attemptsToOpen: 1000 };

test('9.6 pauses double from 1 s, with a random half, and the last attempt is made after 5 minutes', async () => {
  fakeTime();
  const { sent, outbox } = fakeEndpoint(() => 500, NO_BREAKER);
  await outbox.add(record('a'));
  await advance(GIVE_UP_MS + 1000);
  expect(outbox.dead).toHaveLength(1);
  const pauses = pausesOf(sent);
  for (const [at, seconds] of pauses.slice(0, -1).entries()) {
    expect(seconds).toBeGreaterThanOrEqual(2 ** at / 2);
    expect(seconds).toBeLessThanOrEqual(2 ** at + 0.01);
  }
  expect((sent.at(-1)!.atMs - sent[0]!.atMs) / 1000).toBeCloseTo(300, 1);
  expect(sent.length).toBeGreaterThanOrEqual(9);
});

test('9.6 an endpoint that is down for 2 minutes gets everything, in the order of each channel', async () => {
  fakeTime();
  const upAtMs = Date.now() + 2 * MINUTE_MS;
  const isUp = (): boolean => Date.now() >= upAtMs;
  const { sent, outbox, lines } = fakeEndpoint(() => (isUp() ? 200 : 503));
  for (let at = 0; at < 30; at += 1) {
    for (const channel of ['a', 'b'])
      await outbox.add(record(channel, 'subscription_count', { subscription_count: at }));
    await advance(1000);
  }
  await advance(3 * MINUTE_MS);
  expect([outbox.doneOf('shop').length, outbox.dead]).toEqual([60, []]);
  const delivered = sent.filter(({ atMs }) => atMs >= upAtMs).map(({ body }) => JSON.parse(body).events[0]);
  for (const name of ['a', 'b']) {
    const counts = delivered.flatMap(({ channel, subscription_count: count }) =>
      channel === name ? count : [],
    );
    expect(counts).toEqual(Array.from({ length: 30 }, (_, at) => at));
  }
  // It was left alone after 5 failures, and asked every 10 s.
  expect(sent.length - delivered.length).toBeLessThanOrEqual(5 + 12);
  expect(lines).toEqual([
    expect.stringMatching(/^Webhook endpoint shop fails: HTTP 503/),
    'Webhook endpoint shop delivers again',
  ]);
});

test('9.6 four failures leave an endpoint alone, and the fifth in 30 s does', async () => {
  fakeTime();
  const { sent, outbox, delivery } = fakeEndpoint(() => 500, { firstRetryMs: GIVE_UP_MS });
  for (let at = 0; at < 4; at += 1) await outbox.add(record(`c-${at}`));
  await advance(1000);
  expect([sent.length, delivery.health.state]).toEqual([4, 'ok']);
  await outbox.add(record('c-4'));
  await advance(1000);
  expect([sent.length, delivery.health.state]).toEqual([5, 'failing']);
  for (let at = 0; at < 40; at += 1) await outbox.add(record(`d-${at}`));
  await advance(8500);
  expect(sent).toHaveLength(5);
  await advance(1000);
  expect(sent).toHaveLength(6);
  await advance(10_000);
  expect(sent).toHaveLength(7);
});

test.each([
  ['half of the attempts', 5, 5, 'ok'],
  ['more than half of the attempts', 4, 5, 'failing'],
  ['more than half of four attempts', 1, 3, 'ok'],
  ['more than half of five attempts', 2, 3, 'failing'],
])('9.6 an endpoint that fails %s (%i succeed, %i fail) is %s', async (_, wellCount, failedCount, state) => {
  fakeTime();
  const { outbox, delivery } = fakeEndpoint(({ body }) => (body.includes('well') ? 200 : 500), {
    firstRetryMs: GIVE_UP_MS,
    maxInFlight: 1,
  });
  for (let at = 0; at < wellCount; at += 1) await outbox.add(record(`well-${at}`));
  await advance(100);
  for (let at = 0; at < failedCount; at += 1) await outbox.add(record(`failed-${at}`));
  await advance(100);
  expect(delivery.health.state).toBe(state);
});

test('9.6 while an endpoint is left alone, one probe is in flight at a time', async () => {
  fakeTime();
  const answers: (() => void)[] = [];
  const { sent, outbox } = fakeEndpoint((_, count) =>
    count <= 5
      ? 500
      : new Promise((resolve) => answers.push(() => resolve(resultOf(200, undefined, Date.now())))),
  );
  for (let at = 0; at < 30; at += 1) await outbox.add(record('abcde'[at % 5]!));
  await advance(25_000);
  expect([sent.length, answers.length]).toEqual([6, 1]);
  answers[0]!();
  await advance(0);
  expect(answers.length).toBeGreaterThan(1);
});

test.each([
  ['120', 120],
  ['Sun, 09 Sep 2001 01:48:40 GMT', 120],
  ['300', 300],
  ['86400', 300],
  ['999999999', 300],
])('9.6 nothing is sent for Retry-After: %s, which is %i s', async (given, seconds) => {
  fakeTime();
  const { sent, outbox } = fakeEndpoint((_, count) => (count === 1 ? resultOf(429, given, Date.now()) : 200));
  await outbox.add(record('a'));
  await advance(0);
  await outbox.add(record('b'));
  await advance(seconds * 1000 - 10);
  expect(sent).toHaveLength(1);
  await advance(20);
  expect(sent).toHaveLength(3);
  expect(outbox.dead).toEqual([]);
});

test.each(['-5', '1e9', '9999999999', 'Infinity', '', 'soon', 'Thu, 01 Jan 1970 00:00:00 GMT'])(
  '9.6 a Retry-After of "%s" does not hold the endpoint',
  async (given) => {
    fakeTime();
    const { sent, outbox } = fakeEndpoint((_, count) =>
      count === 1 ? resultOf(503, given, Date.now()) : 200,
    );
    await outbox.add(record('a'));
    await advance(1100);
    expect(sent).toHaveLength(2);
    expect(outbox.doneOf('shop')).toEqual(['id-1']);
  },
);

test.each([
  ['without batching', undefined],
  ['with batching', { maxEvents: 5, maxDelayMs: 50, maxBytes: 1e6 }],
])(
  '9.6 %s a channel keeps its order over retries, and body and delivery stay the same',
  async (_, batching) => {
    fakeTime();
    const tries = new Map<string, number>();
    const { sent, outbox } = fakeEndpoint(
      ({ delivery }) => {
        tries.set(delivery, (tries.get(delivery) ?? 0) + 1);
        return tries.get(delivery)! < 3 ? 500 : 200;
      },
      { ...NO_BREAKER, batching },
    );
    for (let at = 0; at < 12; at += 1)
      await outbox.add(record('a', 'subscription_count', { subscription_count: at }));
    await advance(MINUTE_MS);
    expect(outbox.doneOf('shop')).toHaveLength(12);
    const firsts = sent.filter(({ attempt }) => attempt === 1);
    for (const { delivery, body } of firsts) {
      const attempts = sent.filter((each) => each.delivery === delivery);
      expect(new Set(attempts.map((each) => each.body))).toEqual(new Set([body]));
      expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    }
    const counts = firsts.flatMap(({ body }) =>
      (JSON.parse(body).events as { subscription_count: number }[]).map((each) => each.subscription_count),
    );
    expect(counts).toEqual(Array.from({ length: 12 }, (_, at) => at));
    expect(firsts.length).toBe(batching === undefined ? 12 : 3);
  },
);

test('9.6 what another node began continues with its attempts, its body and its delivery', async () => {
  fakeTime();
  const first = fakeEndpoint(() => 500);
  await first.outbox.add(record('a'));
  await advance(1100);
  await first.delivery.close();
  const { attempts } = first.outbox.failures.at(-1)!;
  const next = new TestOutbox(['shop']);
  const made = JSON.parse(first.sent[0]!.body).time_ms as number;
  await next.add(record('a'), made, { attempts, queuedAtMs: made });
  const second = fakeEndpoint(() => 200, {}, next);
  await advance(0);
  expect(second.sent).toMatchObject([
    { attempt: attempts + 1, body: first.sent[0]!.body, delivery: first.sent[0]!.delivery },
  ]);
});

test('9.6 a dead letter that is put back has its whole time again, with the time in its body unchanged', async () => {
  fakeTime();
  const upAtMs = Date.now() + 4 * MINUTE_MS;
  const { sent, outbox } = fakeEndpoint(() => (Date.now() >= upAtMs ? 200 : 500));
  const dayAgoMs = Date.now() - 24 * 60 * MINUTE_MS;
  for (let at = 0; at < 8; at += 1) await outbox.add(record(`c-${at}`), dayAgoMs);
  await advance(4 * MINUTE_MS + 30_000);
  expect([outbox.dead, outbox.doneOf('shop').length]).toEqual([[], 8]);
  expect(new Set(sent.map(({ body }) => JSON.parse(body).time_ms))).toEqual(new Set([dayAgoMs]));
});

test('9.6 events that waited while no node ran have their whole time from its start', async () => {
  fakeTime();
  const outbox = new TestOutbox(['shop']);
  const hourAgoMs = Date.now() - 60 * MINUTE_MS;
  for (let at = 0; at < 40; at += 1)
    await outbox.add(record(`c-${at}`), hourAgoMs, { queuedAtMs: hourAgoMs });
  const upAtMs = Date.now() + MINUTE_MS;
  fakeEndpoint(() => (Date.now() >= upAtMs ? 200 : 502), {}, outbox);
  await advance(90_000);
  expect([outbox.dead, outbox.doneOf('shop').length]).toEqual([[], 40]);
});

test('9.6 without a probe that fails nothing is given up untried, however long it waited', async () => {
  fakeTime();
  const { sent, outbox } = fakeEndpoint(() => 200);
  await advance(GIVE_UP_MS);
  const hourAgoMs = Date.now() - 60 * MINUTE_MS;
  await outbox.add(record('a'), hourAgoMs, { queuedAtMs: hourAgoMs });
  await advance(0);
  expect([sent.length, outbox.dead]).toEqual([1, []]);
});

test('9.6 what is past its time while its endpoint is left alone is given up without an attempt', async () => {
  fakeTime();
  const { sent, outbox } = fakeEndpoint(() => 500);
  for (let at = 0; at < 100; at += 1) await outbox.add(record(`c-${at}`));
  await advance(GIVE_UP_MS - 15_000);
  expect(outbox.dead).toEqual([]);
  await advance(30_000);
  expect(outbox.dead).toHaveLength(100);
  expect(sent.length).toBeLessThan(60);
});
