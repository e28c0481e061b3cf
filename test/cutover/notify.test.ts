import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Pusher from 'pusher';
import { afterEach, describe, expect, test } from 'vitest';
import { APP } from '../support/app.ts';
import { encodeRollbackNote, Notifier, type NotifierOptions } from '../../src/cutover/watch/notify.ts';
import type { RollbackNote } from '../../src/cutover/watch/rollback.ts';
import { FakeLogger } from '../core/fakes.ts';
import { eventually } from '../support/wire.ts';
import { freePort } from '../support/free-port.ts';

const NOTE: RollbackNote = {
  atMs: 1_800_000_000_000,
  fromPercent: 50,
  toPercent: 25,
  breachMs: 10_000,
  reasons: [{ of: 'delivery', text: '42 % of the canary events were lost (limit 10 %)' }],
};

interface ReceivedRequest {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

/** Starts an HTTP server that answers as the test decides, and records every request. */
async function startReceiver(answer: (response: ServerResponse, count: number) => void) {
  const requests: ReceivedRequest[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => answer(response, requests.push({ headers: request.headers, body })));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(() => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    return closed;
  });
  return { requests, url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?team=1`) };
}

function open(url: URL, changes: Partial<NotifierOptions> = {}) {
  const logger = new FakeLogger();
  const pauses: number[] = [];
  const pause = (ms: number) => Promise.resolve(void pauses.push(ms));
  const notifier = new Notifier({ url, credential: APP, logger, pause, ...changes });
  cleanUps.push(() => notifier.stop());
  return { notifier, logger, pauses };
}

describe('a notification', () => {
  test('11.15 is signed as a webhook, and the official library accepts it', async () => {
    const { url, requests } = await startReceiver((response) => response.end());
    const { notifier } = open(url);
    notifier.send(NOTE);
    await notifier.idle();
    expect(requests).toHaveLength(1);
    const [{ headers, body }] = requests as [ReceivedRequest];
    expect(headers['content-type']).toBe('application/json');
    expect(headers['x-pusher-key']).toBe(APP.key);
    const pusher = new Pusher({ appId: APP.id, key: APP.key, secret: APP.secret, host: 'localhost' });
    const webhook = pusher.webhook({ headers: headers, rawBody: body });
    expect(webhook.isValid()).toBe(true);
    expect(webhook.getEvents()).toEqual([
      {
        name: 'cutover_rollback',
        from_percent: 50,
        to_percent: 25,
        breach_ms: 10_000,
        reasons: NOTE.reasons,
      },
    ]);
    expect(webhook.getTime()).toEqual(new Date(NOTE.atMs));
    expect(notifier.counts()).toEqual({ sent: 1, failed: 0, dropped: 0 });
  });

  test('11.15 is sent again, with longer pauses, until it is accepted', async () => {
    const { url, requests } = await startReceiver((response, count) =>
      response.writeHead([503, 429, 408][count - 1] ?? 204).end(),
    );
    const { notifier, pauses, logger } = open(url);
    notifier.send(NOTE);
    await notifier.idle();
    expect(requests.map(({ body }) => body)).toEqual(
      Array.from({ length: 4 }, () => encodeRollbackNote(NOTE)),
    );
    expect(pauses).toEqual([1000, 2000, 4000]);
    expect(notifier.counts()).toEqual({ sent: 1, failed: 0, dropped: 0 });
    expect(logger.warnings).toEqual([]);
  });

  test('11.15 is given up after five attempts, with one warning that names the setting', async () => {
    const { url, requests } = await startReceiver((response) => response.writeHead(500).end());
    const { notifier, logger } = open(url);
    notifier.send(NOTE);
    await notifier.idle();
    expect(requests).toHaveLength(5);
    expect(notifier.counts()).toEqual({ sent: 0, failed: 1, dropped: 0 });
    expect(logger.warnings).toEqual([
      {
        message: `The notification of the rollback from ${NOTE.fromPercent} % to ${NOTE.toPercent} % was not delivered: check WAVEHALL_CUTOVER_NOTIFY_URL and its receiver`,
        details: { reason: 'HTTP 500', attempts: 5 },
      },
    ]);
  });

  test.each([301, 400, 404])('11.15 is not sent again after a final refusal: %i', async (status) => {
    const { url, requests } = await startReceiver((response) =>
      response.writeHead(status, { location: '/elsewhere' }).end(),
    );
    const { notifier } = open(url);
    notifier.send(NOTE);
    await notifier.idle();
    expect(requests).toHaveLength(1);
    expect(notifier.counts().failed).toBe(1);
  });

  test('11.15 is given up after unanswered or refused connections', async () => {
    const { url } = await startReceiver(() => undefined);
    const unanswered = open(url, { timeoutMs: 50 });
    unanswered.notifier.send(NOTE);
    await unanswered.notifier.idle();
    expect(unanswered.logger.warnings[0]?.details).toEqual({ reason: 'no answer in 50 ms', attempts: 5 });

    const unreachable = open(new URL(`http://127.0.0.1:${await freePort()}/`));
    unreachable.notifier.send(NOTE);
    await unreachable.notifier.idle();
    expect(unreachable.logger.warnings[0]?.details).toEqual({
      reason: expect.stringContaining('ECONNREFUSED'),
      attempts: 5,
    });
  });
});

test('11.15 notifications are sent one by one and in order, and a bounded number waits', async () => {
  const answers: ServerResponse[] = [];
  const { url, requests } = await startReceiver((response) => void answers.push(response));
  const { notifier } = open(url);
  for (let at = 0; at < 20; at += 1) notifier.send({ ...NOTE, atMs: at });
  const timeOf = ({ body }: ReceivedRequest) => (JSON.parse(body) as { time_ms: number }).time_ms;
  for (let expected = 1; expected <= 17; expected += 1) {
    await eventually(
      () => Promise.resolve(requests.length === expected),
      () => `request ${expected}`,
    );
    answers.at(-1)?.end();
  }
  await notifier.idle();
  expect(requests.map(timeOf)).toEqual([0, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  expect(notifier.counts()).toEqual({ sent: 17, failed: 0, dropped: 3 });
});

test('11.15 a stop of the server aborts an attempt or a pause at once', async () => {
  const { url, requests } = await startReceiver(() => undefined);
  const waiting = open(url, { timeoutMs: 3_600_000 });
  waiting.notifier.send(NOTE);
  await eventually(
    () => Promise.resolve(requests.length === 1),
    () => 'the request',
  );
  await waiting.notifier.stop();

  const failing = await startReceiver((response) => response.writeHead(500).end());
  const notifier = new Notifier({ url: failing.url, credential: APP, logger: new FakeLogger() });
  notifier.send(NOTE);
  await eventually(
    () => Promise.resolve(failing.requests.length === 1),
    () => 'the first attempt',
  );
  await notifier.stop();
  notifier.send(NOTE);
  await notifier.idle();
  expect(failing.requests).toHaveLength(1);
});
