import { APP, appAt } from '../../support/app.ts';
import { channelAuth } from '../../support/wire-http.ts';
import { LONG_MS } from '../../cli/operated-server.ts';
import { eventually } from '../../support/wire.ts';
import { openSite, type Site } from '../site.ts';
import type { SetUp } from './set-up.ts';

const ORIGIN = 'https://shop.example';

/** A page that asks for a channel and does not get it, and an event for that channel. */
const unsubscribed = (channel: string) => async (site: Site) => {
  const page = await site.page();
  const asked = page.subscribe(channel);
  let error: unknown;
  asked.bind('pusher:subscription_error', (given: unknown) => (error = given));
  await eventually(() => error !== undefined, 'the subscription fails', LONG_MS);
  return site.publishRaw({ channel });
};

/** Faults of pages that do not connect, or do not get onto their channel. */
export const CLIENTS: readonly SetUp[] = [
  {
    fault: 'the page has another key',
    cause: 'client_key',
    says: /^\d+ clients? refused, .*: no app has the key old-key \(VITE_REVERB_APP_KEY\)$/,
    plant: async ({ page, publish }) => {
      const client = await page({}, 'old-key');
      await eventually(() => client.connection.state === 'disconnected', 'it is refused', LONG_MS);
      return publish('orders');
    },
  },
  {
    fault: 'the origin of the page is not allowed',
    cause: 'client_origin',
    says: /: the origin https:\/\/shop\.example is not allowed \(REVERB_ALLOWED_ORIGINS\)$/,
    env: { WAVEHALL_ALLOWED_ORIGINS: 'https://admin.example' },
    plant: async ({ wire, publish }) => {
      await wire(undefined, { origin: ORIGIN });
      return publish('orders');
    },
  },
  {
    fault: 'the limit of connections is reached',
    cause: 'client_refused',
    says: /^1 client refused, .* \(app_quota\): the app has reached REVERB_APP_MAX_CONNECTIONS$/,
    env: { REVERB_APP_MAX_CONNECTIONS: '1' },
    plant: async ({ page, wire, publish }) => {
      await page();
      await wire();
      return publish('private-orders');
    },
  },
  {
    fault: 'the client speaks an old version of the protocol',
    cause: 'client_refused',
    says: /\(protocol_version\): the protocol version in their URL is not supported/,
    plant: async ({ wire, publish }) => {
      await wire(`/app/${APP.key}?protocol=3`);
      return publish('orders');
    },
  },
  {
    fault: 'the auth endpoint answers 403',
    cause: 'check_subscription',
    says: /^1 client connected: none of them subscribes to private-forbidden\. Look at the answer of \/broadcasting\/auth/,
    plant: unsubscribed('private-forbidden'),
  },
  {
    fault: 'the auth endpoint signs with another secret',
    cause: 'subscription_refused',
    says: /^1 subscription to private-missigned refused \(channel_signature\), .*: the signature is wrong/,
    plant: unsubscribed('private-missigned'),
  },
  {
    fault: 'the auth endpoint of a presence channel answers without channel_data',
    cause: 'subscription_refused',
    says: /^1 subscription to presence-room refused .*, or channel_data is missing$/,
    plant: async ({ server, wire, publish }) => {
      const client = await wire();
      const auth = channelAuth(appAt(server), client.socketId, 'presence-room');
      client.send({ event: 'pusher:subscribe', data: { channel: 'presence-room', auth } });
      await client.next('pusher:subscription_error', LONG_MS);
      return publish('presence-room');
    },
  },
  {
    fault: 'the auth endpoint of an encrypted channel answers without its key',
    cause: 'check_subscription',
    says: /It also has to have the shared_secret \(encryption_master_key_base64 in config\/broadcasting\.php\)\.$/,
    plant: async (site) => {
      let asked = false;
      const client = await site.page({
        channelAuthorization: {
          endpoint: '',
          transport: 'ajax',
          customHandler: ({ socketId, channelName }, done) => {
            asked = true;
            done(null, { auth: channelAuth(appAt(site.server), socketId, channelName) });
          },
        },
      });
      client.subscribe('private-encrypted-orders');
      await eventually(() => asked, 'it asks for its right', LONG_MS);
      return site.publish('private-encrypted-orders');
    },
  },
  {
    fault: 'the application does not encrypt for an encrypted channel',
    cause: 'check_encryption',
    says: /^clients drop what they cannot decrypt: .* encryption_master_key_base64/,
    plant: async ({ pageOn, publishRaw }) => {
      await pageOn('private-encrypted-orders');
      return publishRaw({ channel: 'private-encrypted-orders' });
    },
  },
  {
    fault: 'two servers behind one address, without Redis',
    cause: 'check_nodes',
    says: /^this server knows no other node: .* set REVERB_SCALING_ENABLED=true and one Redis for all$/,
    plant: async ({ publish }) => {
      await (await openSite()).pageOn('private-orders');
      return publish('private-orders');
    },
  },
  {
    fault: 'a client does not read what it is sent',
    cause: 'slow_reader',
    says: /^1 connection closed, .*, socket \d+\.\d+ from 127\.0\.0\.1: .* filled WAVEHALL_MAX_BUFFER_SIZE$/,
    env: {
      WAVEHALL_MAX_BUFFER_SIZE: '1000000',
      WAVEHALL_MAX_EVENT_DATA_SIZE: '500000',
      REVERB_MAX_REQUEST_SIZE: '1000000',
    },
    plant: async ({ wire, publishRaw }) => {
      const reader = await wire();
      reader.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
      await reader.next('pusher_internal:subscription_succeeded', LONG_MS);
      reader.socket.pause();
      const words = await publishRaw({});
      // More than the buffers of both kernels take.
      for (let sent = 0; sent < 40; sent += 1) await publishRaw({ data: 'x'.repeat(400_000) });
      return words;
    },
  },
];
