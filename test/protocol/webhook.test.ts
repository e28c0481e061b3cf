import Pusher from 'pusher';
import { expect, test } from 'vitest';
import { encodeWebhook, webhookData, type WebhookEvent, webhookHeaders } from '#protocol';
import vectors from '../../protocol/vectors/webhooks.json' with { type: 'json' };

const { credential } = vectors;

test.each(vectors.bodies)('$rule $title', ({ timeMs, events, body, headers }) => {
  expect(encodeWebhook(timeMs, events as WebhookEvent[])).toBe(body);
  expect(webhookHeaders(credential, body)).toEqual(headers);
});

test.each(vectors.clientEventData)('$rule client event data: $title', ({ dataJson, data }) => {
  expect(webhookData(dataJson)).toBe(data);
});

test('9.1 the official library accepts headers and body, and refuses another body', () => {
  const pusher = new Pusher({ appId: '3', host: 'localhost', ...credential });
  const body = encodeWebhook(1_327_078_148_132, [{ name: 'channel_occupied', channel: 'a' }]);
  const headers = Object.fromEntries(
    Object.entries(webhookHeaders(credential, body)).map(([name, value]) => [name.toLowerCase(), value]),
  );
  expect(pusher.webhook({ headers, rawBody: body }).isValid()).toBe(true);
  expect(pusher.webhook({ headers, rawBody: body }).getEvents()).toEqual([
    { name: 'channel_occupied', channel: 'a' },
  ]);
  expect(pusher.webhook({ headers, rawBody: body.replace('"a"', '"b"') }).isValid()).toBe(false);
});

test('9.1 half of a surrogate pair is replaced, so that every decoder of JSON reads the body', () => {
  const event = {
    name: 'client_event',
    channel: 'private-a',
    event: 'client-\udc00',
    socket_id: '1.1',
  } as const;
  const body = encodeWebhook(1, [{ ...event, data: 'a \ud800 \u{1f600}' }]);
  expect(JSON.parse(body).events).toEqual([{ ...event, event: 'client-\ufffd', data: 'a \ufffd \u{1f600}' }]);
});
