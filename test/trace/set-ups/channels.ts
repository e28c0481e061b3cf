import { eventually } from '../../support/wire.ts';
import { LONG_MS } from '../../cli/operated-server.ts';
import { APP } from '../../support/app.ts';
import { isVacant } from '../site.ts';
import type { SetUp } from './set-up.ts';

const OTHER = { id: 'other-app', key: 'other-key', secret: 'other-secret' };
const both = [APP, OTHER].map(({ id: app_id, key, secret }) => ({ app_id, key, secret }));

/** A page on one channel, and an event for another one. */
const misnamed = (
  fault: string,
  [subscribed, published]: readonly [string, string],
  { cause, says }: Pick<SetUp, 'cause' | 'says'>,
): SetUp => ({
  fault,
  cause,
  says,
  plant: async ({ pageOn, publish }) => {
    await pageOn(subscribed);
    return publish(published);
  },
});

/** Faults in the names of channels, and in when they are subscribed to. */
export const CHANNELS: readonly SetUp[] = [
  misnamed('private- is missing in the application', ['private-orders', 'orders'], {
    cause: 'prefix',
    says: /^did you mean private-orders \(1 subscriber\)\? the prefix differs: PrivateChannel/,
  }),
  misnamed('private- is missing in the page', ['orders', 'private-orders'], {
    cause: 'prefix',
    says: /^did you mean orders \(1 subscriber\)\? the prefix differs/,
  }),
  misnamed(
    'a private channel in the application, a presence channel in the page',
    ['presence-room', 'private-room'],
    {
      cause: 'prefix',
      says: /^did you mean presence-room \(1 subscriber\)\? the prefix differs/,
    },
  ),
  misnamed('upper and lower case differ', ['private-orders', 'private-Orders'], {
    cause: 'letter_case',
    says: /^did you mean private-orders \(1 subscriber\)\? names differ in upper and lower case$/,
  }),
  misnamed('the id of the model is missing', ['private-orders.7', 'private-orders'], {
    cause: 'near_name',
    says: /^did you mean private-orders\.7 \(1 subscriber\)\?/,
  }),
  {
    fault: 'the page waits for a channel, and the application publishes to a near one',
    cause: 'other_channel',
    says: /^published to orders at \d\d:\d\d:\d\d\.\d{3} UTC: did you mean that channel\?$/,
    plant: async ({ pageOn, publish }) => {
      await pageOn('private-orders');
      await publish('orders');
      return ['--channel', 'private-orders'];
    },
  },
  {
    fault: 'page and application use two apps of one server',
    cause: 'other_app',
    says: /^1 subscriber on this channel of the app other-app: publisher and clients use different apps$/,
    env: { WAVEHALL_APPS: JSON.stringify(both) },
    plant: async ({ wire, publish }) => {
      const other = await wire(`/app/${OTHER.key}?protocol=7`);
      other.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
      await other.next('pusher_internal:subscription_succeeded', LONG_MS);
      return publish('orders');
    },
  },
  {
    fault: 'the page subscribes after the event',
    cause: 'subscribed_after',
    says: /^subscribed [\d.]+ m?s after the event$/,
    plant: async ({ pageOn, publish }) => {
      const words = await publish('private-orders');
      await pageOn('private-orders');
      return words;
    },
  },
  {
    fault: 'the socket closed just before the event',
    cause: 'left_before',
    says: /^the last subscriber left [\d.]+ m?s before the event: its connection closed, or it unsubscribed$/,
    plant: async (site) => {
      (await site.pageOn('private-orders')).disconnect();
      await eventually(() => isVacant(site, 'private-orders'), 'the channel is empty', LONG_MS);
      return site.publish('private-orders');
    },
  },
  {
    fault: 'the user is not signed in',
    cause: 'no_subscribers',
    says: /^no connection is signed in as user 7$/,
    plant: async ({ sdk, page }) => {
      await page();
      const answer = await sdk.sendToUser('7', 'e', {});
      return [answer.headers.get('x-wavehall-event-id') ?? ''];
    },
  },
];
