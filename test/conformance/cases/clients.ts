import Echo from 'laravel-echo';
import PusherModule from 'pusher-js';
import { eventually } from '../../support/wire.ts';
import { channelAuth } from '../../support/wire-http.ts';
import type { Case } from '../case.ts';
import { same } from '../expect.ts';
import type { CaseTools } from '../case-tools.ts';
import { sleep } from '../../../src/core/util/time.ts';

// The package declares its class as a default export, but in Node it is the module itself.
const Pusher = PusherModule as unknown as typeof PusherModule.default;

interface Authorisation {
  socketId: string;
  channelName: string;
}

/** Creates a pusher-js client configured as on a page; the suite signs subscriptions in place of an auth endpoint. */
const pusher = (tools: CaseTools, key: string, member?: object) =>
  new Pusher(key, {
    cluster: '',
    wsHost: tools.app.host,
    wsPort: tools.app.port,
    wsPath: tools.app.prefix,
    forceTLS: false,
    httpHost: tools.app.host,
    httpPort: tools.app.port,
    httpPath: `${tools.app.prefix}/pusher`,
    enabledTransports: [tools.app.transport ?? 'ws'],
    channelAuthorization: {
      endpoint: '',
      transport: 'ajax',
      customHandler: ({ socketId, channelName }: Authorisation, done: (error: null, data: never) => void) => {
        const data = member && JSON.stringify(member);
        const auth = channelAuth(tools.app, socketId, channelName, data);
        done(null, { auth, ...(data && { channel_data: data }) } as never);
      },
    },
  });

/** Longest time between two attempts of pusher-js to reconnect. */
const PUSHER_RETRY_MS = 1_000;

export const clients: Case[] = [
  {
    id: 'C25',
    rule: '2.14',
    title: 'pusher-js with an unknown key does not reconnect',
    async run(tools) {
      const client = pusher(tools, 'nope');
      let attempts = 0;
      client.connection.bind('connecting', () => (attempts += 1));
      try {
        await eventually(
          () => client.connection.state === 'disconnected',
          () => `disconnected, but ${client.connection.state}`,
        );
        const before = attempts;
        await sleep(2.5 * PUSHER_RETRY_MS);
        same(
          [client.connection.state, attempts],
          ['disconnected', before],
          'state and attempts a while later',
        );
      } finally {
        client.disconnect();
      }
    },
  },
  {
    id: 'S29',
    rule: '4.3',
    title: 'Echo: here() gets the user_info of every member, and no null',
    async run(tools) {
      const channel = tools.name('room');
      await tools.subscriber(`presence-${channel}`, { member: { user_id: '1', user_info: { name: 'A' } } });
      const client = pusher(tools, tools.app.key, { user_id: '2', user_info: { name: 'B' } });
      const echo = new Echo({ broadcaster: 'reverb', client, key: tools.app.key, withoutInterceptors: true });
      try {
        let members: unknown;
        echo.join(channel).here((present: unknown) => (members = present));
        await eventually(() => members !== undefined, 'here() is called');
        same(members, [{ name: 'A' }, { name: 'B' }], 'members given to here()');
      } finally {
        echo.disconnect();
      }
    },
  },
];
