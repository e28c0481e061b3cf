/** Lines of the log about endpoints that fail and events that are lost (SPEC 9.6). */
import { expect, test } from 'vitest';
import { DropReport } from '../../src/webhooks/drop-report.ts';
import { record } from './deliver.ts';
import { advance, fakeEndpoint, fakeTime } from './fake-endpoint.ts';

const FAILS = expect.stringMatching(/^Webhook endpoint shop fails: HTTP 4\d\d\. /) as string;
const WELL = 'Webhook endpoint shop delivers again';

test.each([404, 410])(
  '9.6 an endpoint with little traffic that answers %i has one line, and one when it delivers',
  async (code) => {
    fakeTime();
    const shop = fakeEndpoint(() => code);
    for (let at = 0; at < 10; at += 1) {
      await shop.outbox.add(record('a'));
      await advance(120_000);
    }
    expect([shop.lines, shop.outbox.dead.length, shop.delivery.health.state]).toEqual([
      [FAILS],
      10,
      'failing',
    ]);
    shop.answer = () => 200;
    await shop.outbox.add(record('a'));
    await advance(0);
    expect([shop.lines, shop.delivery.health.state]).toEqual([[FAILS, WELL], 'ok']);
  },
);

test('9.6 an endpoint that refuses every second event has at most two lines a minute', async () => {
  fakeTime();
  const { outbox, lines } = fakeEndpoint((_, count) => (count % 2 === 0 ? 422 : 200));
  for (let second = 0; second < 59; second += 1) {
    for (let at = 0; at < 4; at += 1) await outbox.add(record('a'));
    await advance(1000);
  }
  expect([lines, outbox.dead.length]).toEqual([[FAILS, WELL], 118]);
  await advance(2000);
  for (let at = 0; at < 4; at += 1) await outbox.add(record('a'));
  await advance(1000);
  expect(lines).toEqual([FAILS, WELL, FAILS, WELL]);
});

test('9.9 each dropped event is counted in one line, at most one line a minute', async () => {
  fakeTime();
  const outbox = { dropped: 0 };
  const lines: string[] = [];
  const report = new DropReport(outbox, { warn: (line) => lines.push(line) }, Date.now);
  report.check();
  expect(lines).toEqual([]);
  outbox.dropped = 3;
  report.check();
  outbox.dropped = 10;
  report.check();
  expect(lines).toEqual([expect.stringMatching(/^3 webhook events were dropped/)]);
  await advance(60_000);
  report.check();
  outbox.dropped = 11;
  report.flush();
  report.flush();
  expect(lines.slice(1)).toEqual([
    expect.stringMatching(/^7 webhook events/),
    expect.stringMatching(/^1 webhook events/),
  ]);
});
