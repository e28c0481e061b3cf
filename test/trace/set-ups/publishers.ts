import { sdkFor } from '../../clients/sdk.ts';
import { http, signedPath } from '../../support/wire-http.ts';
import { APP, appAt } from '../../support/app.ts';
import type { SetUp } from './set-up.ts';

const refused = (): undefined => undefined;
const LAST = ['--last'];
const PATIENT_SECONDS = 700;

/** Faults on the way from the application to the server. */
export const PUBLISHERS: readonly SetUp[] = [
  {
    fault: 'the application publishes to another server, or not at all',
    cause: 'nothing_published',
    says: /^nothing published to the app app-id since this server started [\d.]+ m?s ago$/,
    plant: async ({ pageOn }) => {
      await pageOn('private-orders');
      return LAST;
    },
  },
  {
    fault: 'REVERB_APP_ID differs',
    cause: 'refused_app',
    says: /^1 refused with 404 for the app other-id, from 127\.0\.0\.1, .*: is REVERB_APP_ID the same/,
    plant: async ({ server }) => {
      await sdkFor(server, 'other-id').trigger('orders', 'e', {}).catch(refused);
      return LAST;
    },
  },
  {
    fault: 'REVERB_APP_SECRET differs',
    cause: 'refused_signature',
    says: /^1 refused with 401, from 127\.0\.0\.1, .*: is REVERB_APP_SECRET the same/,
    plant: async ({ server }) => {
      await sdkFor({ ...server, secret: 'another-secret' })
        .trigger('orders', 'e', {})
        .catch(refused);
      return LAST;
    },
  },
  {
    fault: 'the clock of the application is 12 minutes behind',
    cause: 'refused_clock',
    says: /^1 refused with 401 \(clock 12 minutes off\), .*: set the clocks/,
    plant: ({ publishRaw }) =>
      publishRaw({}, { timestampS: Math.floor(Date.now() / 1000) - PATIENT_SECONDS }),
  },
  {
    fault: 'the path in the application is another one',
    cause: 'refused_app',
    says: /^1 refused with 404 at \/reverb\/apps\/app-id\/events, /,
    plant: async ({ server }) => {
      const app = appAt(server);
      const path = signedPath(app, 'POST', `/apps/${APP.id}/events`, [], '{}');
      await http(app, { method: 'POST', path: `/reverb${path}`, body: '{}' });
      return LAST;
    },
  },
  {
    fault: 'the payload is too large',
    cause: 'refused_size',
    says: /^refused with 413 .* \(11000 bytes, 10240 are allowed\): send less/,
    plant: async ({ sdk }) => {
      await sdk.trigger('orders', 'e', 'x'.repeat(11_000)).catch(refused);
      return LAST;
    },
  },
  {
    fault: 'the application publishes faster than its limit',
    cause: 'refused_rate',
    says: /^refused with 429 .*: WAVEHALL_MAX_REQUESTS_PER_SECOND$/,
    env: { WAVEHALL_MAX_REQUESTS_PER_SECOND: '1' },
    plant: async ({ publishRaw }) => {
      await publishRaw({});
      return publishRaw({});
    },
  },
  {
    fault: 'the name of the channel has a character that is not allowed',
    cause: 'refused_invalid',
    says: /^refused with 400 “.*orders of today.*”$/,
    plant: ({ publishRaw }) => publishRaw({ channel: 'orders of today' }),
  },
  {
    fault: 'two events have one idempotency key',
    cause: 'not_published',
    says: /^not published: the request repeats one with the same idempotency key$/,
    plant: async ({ publishRaw }) => {
      const headers = { 'Idempotency-Key': 'the-same' };
      await publishRaw({}, {}, headers);
      return publishRaw({}, {}, headers);
    },
  },
  {
    fault: 'toOthers() leaves out the only subscriber',
    cause: 'sender_only',
    says: /^excluded: the only subscriber is the sender \(toOthers\), socket \d+\.\d+$/,
    plant: async ({ pageOn, publish }) => {
      const page = await pageOn('private-orders');
      return publish('private-orders', { socket_id: page.connection.socket_id });
    },
  },
  {
    fault: 'the page listens to another name than the event has',
    cause: 'check_event',
    says: /the name that it listens to: Echo listens with \.listen\('OrderShipped'\), or \.listen\('\.App\\Events\\OrderShipped'\)$/,
    plant: async ({ pageOn, publish }) => {
      const page = await pageOn('private-orders');
      page.channel('private-orders').bind('order.shipped', refused);
      return publish('private-orders');
    },
  },
];
