import PusherModule from 'pusher-js';
import { afterEach, describe, expect, test } from 'vitest';
import { sdkFor } from '../../clients/sdk.ts';
import { channelAuth, userAuth, type Endpoint } from '../../support/wire-http.ts';
import { eventually } from '../../support/wire.ts';
import { upstreamKinds } from '../upstream.ts';
import { BridgedPair } from './bridged-pair.ts';

const Pusher = PusherModule as unknown as typeof PusherModule.default;
type Pusher = InstanceType<typeof Pusher>;

let pair: BridgedPair;
const open: Pusher[] = [];
afterEach(async () => {
  for (const pusher of open.splice(0)) pusher.disconnect();
  await pair.close();
});

/** pusher-js as in a page, with subscriptions signed for this user. */
function connect(app: Endpoint, user: string): Pusher {
  const pusher = new Pusher(app.key, {
    wsHost: app.host,
    wsPort: app.port,
    forceTLS: false,
    enabledTransports: ['ws'],
    cluster: '',
    channelAuthorization: {
      transport: 'ajax',
      endpoint: '',
      customHandler: ({ socketId, channelName }, done) => {
        const isPresence = channelName.startsWith('presence-');
        const data = JSON.stringify({ user_id: user, user_info: { name: `name of ${user}` } });
        const auth = channelAuth(app, socketId, channelName, isPresence ? data : undefined);
        done(null, isPresence ? { auth, channel_data: data } : { auth });
      },
    },
    userAuthentication: {
      transport: 'ajax',
      endpoint: '',
      customHandler: ({ socketId }, done) => {
        const data = JSON.stringify({ id: user });
        done(null, { auth: userAuth(app, socketId, data), user_data: data });
      },
    },
  });
  open.push(pusher);
  return pusher;
}

describe.each(upstreamKinds())('stock clients with $name as the upstream', (kind) => {
  test('11.8, 11.9, 11.10 pusher-js and the Node SDK work alike on both sides', async () => {
    pair = await BridgedPair.open(kind);
    const sides = [pair.node.app, pair.upstream.app];
    const received: string[][] = [[], []];
    const presenceChannels = sides.map((app, at) => {
      const pusher = connect(app, `u${at}`);
      const presenceChannel = pusher.subscribe('presence-room');
      pusher.subscribe('private-orders').bind('order', (data: { from: number; at: number }) => {
        received[at]?.push(`${data.from}:${data.at}`);
      });
      presenceChannel.bind('client-hello', (data: { n: number }, { user_id: id }: { user_id: string }) => {
        received[at]?.push(`${id} sent ${data.n}`);
      });
      return presenceChannel as typeof presenceChannel & {
        members: { count: number; get(id: string): unknown };
      };
    });
    await eventually(
      () => presenceChannels.every(({ members }) => members.count === 2),
      'each client lists both',
    );
    for (const [at, presenceChannel] of presenceChannels.entries())
      expect(presenceChannel.members.get(`u${1 - at}`)).toEqual({
        id: `u${1 - at}`,
        info: { name: `name of u${1 - at}` },
      });
    await eventually(() => open.every((pusher) => pusher.channel('private-orders').subscribed), 'subscribed');
    const sdks = sides.map((app) => sdkFor(app, app.id));
    for (let at = 0; at < 10; at += 1)
      await Promise.all(sdks.map((sdk, from) => sdk.trigger('private-orders', 'order', { from, at })));
    await sdks[0]?.trigger(
      'private-orders',
      'order',
      { from: 9, at: 9 },
      { socket_id: open[1]?.connection.socket_id ?? '' },
    );
    for (const [n, presenceChannel] of presenceChannels.entries())
      presenceChannel.trigger('client-hello', { n });
    await eventually(
      () => received.every((each) => each.some((text) => text.includes('sent'))),
      'client events',
    );
    await eventually(
      () => received[0]?.length === 22 && received[1]?.length === 21,
      () => JSON.stringify(received),
    );
    for (const [side, texts] of received.entries()) {
      for (const from of [0, 1])
        expect(texts.filter((text) => text.startsWith(`${from}:`))).toEqual(
          Array.from({ length: 10 }, (_, at) => `${from}:${at}`),
        );
      expect(texts.filter((text) => text.includes('sent'))).toEqual([`u${1 - side} sent ${1 - side}`]);
    }
    open[0]?.disconnect();
    await eventually(() => presenceChannels[1]?.members.count === 1, 'the other client lists one member');
  });
});

describe.each(upstreamKinds().filter(({ name }) => name === 'a second Wavehall'))(
  'with $name as the upstream',
  (kind) => {
    test('11.12 an event to a user reaches its connections on either side that supports users', async () => {
      pair = await BridgedPair.open(kind);
      const pusher = connect(pair.upstream.app, '42');
      const received: unknown[] = [];
      pusher.user.bind('greeting', (data: unknown) => received.push(data));
      pusher.signin();
      await eventually(() => pusher.user.user_data !== null, 'signed in');
      const sdk = sdkFor(pair.node.app, pair.node.app.id);
      await eventually(async () => {
        await sdk.sendToUser('42', 'greeting', { hello: true });
        return received.length > 0;
      }, 'greeted');
      expect(received[0]).toEqual({ hello: true });
    });
  },
);
