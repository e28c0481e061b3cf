import { describe, expect, test } from 'vitest';
import { signUser } from '#protocol';
import { type Client, CREDENTIAL, dataOf, openCore, settled, testApp } from './fakes.ts';

const signinWith = (client: Client, data: Record<string, unknown>): void =>
  client.send({ event: 'pusher:signin', data });

const FAILED = { code: 4009, message: 'Connection not authorized.' };
const SIGNED = '{"id":"42"}';

describe('signing in', () => {
  test('6.1 success returns the exact text that was signed', async () => {
    const client = await openCore().connect();
    const userData = '{ "id" : "42", "user_info": {"name":"Ä"} }';
    signinWith(client, { auth: signUser(CREDENTIAL, client.socketId, userData), user_data: userData });
    await settled();
    expect(client.frames.slice(1).map((frame) => [frame.event, dataOf(frame)])).toEqual([
      ['pusher:signin_success', { user_data: userData }],
    ]);
  });

  test('6.2 signing in again as the same user succeeds again', async () => {
    const client = await openCore().connect();
    client.signin({ id: 42 });
    client.signin({ id: '42', user_info: { name: 'new' } });
    await settled();
    expect(client.eventNames.slice(1)).toEqual(['pusher:signin_success', 'pusher:signin_success']);
  });

  test('6.2 signing in as another user ends the connection', async () => {
    const client = await openCore().connect();
    client.signin({ id: '42' });
    client.signin({ id: '43' });
    await settled();
    expect(dataOf(client.frames.at(-1))).toEqual(FAILED);
    expect(client.socket.closed).toEqual({ code: 4009, reason: FAILED.message });
  });

  const wrong: readonly (readonly [title: string, data: (own: string) => Record<string, unknown>])[] = [
    ['nothing', () => ({})],
    ['no auth', () => ({ user_data: SIGNED })],
    ['no user_data', (own) => ({ auth: signUser(CREDENTIAL, own, '') })],
    ['auth that is no text', () => ({ auth: ['x'], user_data: SIGNED })],
    [
      'user_data that is no text',
      (own) => ({ auth: signUser(CREDENTIAL, own, SIGNED), user_data: { id: '42' } }),
    ],
    [
      'a signature of another socket',
      () => ({ auth: signUser(CREDENTIAL, '1.1', SIGNED), user_data: SIGNED }),
    ],
    [
      'a signature over other data',
      (own) => ({ auth: signUser(CREDENTIAL, own, SIGNED), user_data: '{"id":"1"}' }),
    ],
    ...['[]', '"42"', 'x', '{}', '{"id":null}', '{"id":""}', '{"id":true}', '{"id":{}}', '{"id":"a b"}'].map(
      (data) =>
        [
          `user_data ${data}`,
          (own: string) => ({ auth: signUser(CREDENTIAL, own, data), user_data: data }),
        ] as const,
    ),
  ];

  test.each(wrong)('6.3 %s ends the connection with 4009', async (_, data) => {
    const site = openCore();
    const client = await site.connect();
    signinWith(client, data(client.socketId));
    await settled();
    expect(client.frames.slice(1).map(dataOf)).toEqual([FAILED]);
    expect(client.socket.closed).toEqual({ code: 4009, reason: FAILED.message });
    expect(site.hub.connection('app-id', client.socketId)?.user).toBeUndefined();
  });

  test.each(['"text"', '7', '[]', 'null'])(
    '1.5 a sign-in whose data is %s is malformed and closes nothing',
    async (data) => {
      const client = await openCore().connect();
      client.send(`{"event":"pusher:signin","data":${data}}`);
      await settled();
      expect(client.frames.slice(1).map(dataOf)).toEqual([{ code: 4200, message: 'Invalid message format' }]);
      expect(client.socket.closed).toBeUndefined();
    },
  );
});

describe("a user's own channel", () => {
  const refused = ['pusher:subscription_error #server-to-user-42', 'pusher:error'];

  test('6.4 the user may subscribe to it without a signature', async () => {
    const site = openCore();
    const client = await site.connect();
    client.signin({ id: 42 });
    client.send({ event: 'pusher:subscribe', data: { channel: '#server-to-user-42' } });
    await settled();
    expect(client.eventNames.at(-1)).toBe('pusher_internal:subscription_succeeded #server-to-user-42');
    site.hub.deliver(
      { app: 'app-id', channel: '#server-to-user-42' },
      { payload: '{"event":"x","data":""}' },
    );
    await settled();
    expect(client.eventNames.at(-1)).toBe('x');
  });

  test('6.4 all others are refused, with or without a signature', async () => {
    const site = openCore();
    const [nobody, other] = [await site.connect(), await site.connect()];
    other.signin({ id: '43' });
    for (const client of [nobody, other]) client.subscribe('#server-to-user-42');
    await settled();
    expect(nobody.eventNames.slice(1)).toEqual(refused);
    expect(other.eventNames.slice(2)).toEqual(refused);
  });
});

describe('presence of the signed-in user', () => {
  test('6.6 the socket joins with the signed-in id when channel_data is missing', async () => {
    const client = await openCore().connect();
    client.signin({ id: 42, user_info: { name: 'A' } });
    client.subscribe('presence-a');
    await settled();
    expect(dataOf(client.frames.at(-1))).toEqual({
      presence: { count: 1, ids: ['42'], hash: { 42: { name: 'A' } } },
    });
  });

  test('6.6 channel_data in the message takes precedence', async () => {
    const client = await openCore().connect();
    client.signin({ id: '42' });
    client.subscribe('presence-a', { user_id: '7' });
    await settled();
    expect(dataOf(client.frames.at(-1))).toMatchObject({ presence: { ids: ['7'] } });
  });

  test('6.6 a signature is still required', async () => {
    const client = await openCore().connect();
    client.signin({ id: '42' });
    client.send({ event: 'pusher:subscribe', data: { channel: 'presence-a' } });
    await settled();
    expect(client.eventNames.slice(2)).toEqual(['pusher:subscription_error presence-a', 'pusher:error']);
  });
});

describe('terminating', () => {
  test('6.7 ends every socket of the user: signed in, or a member of a channel', async () => {
    const site = openCore();
    const clients = [...Array(5).keys()].map(() => site.open());
    await settled();
    const [signedIn, member, both, other, nobody] = clients as [Client, Client, Client, Client, Client];
    signedIn.signin({ id: '42' });
    member.subscribe('presence-a', { user_id: 42 });
    both.signin({ id: 42 });
    both.subscribe('presence-a', { user_id: '42' });
    other.signin({ id: '4' });
    nobody.subscribe('private-42');
    await settled();
    site.users.terminate('app-id', '42');
    for (const { socket, frames } of [signedIn, member, both]) {
      expect(socket.closed).toEqual({ code: 4009, reason: 'You got disconnected by the app.' });
      expect(frames.at(-1)?.data).toEqual({ code: 4009, message: 'You got disconnected by the app.' });
    }
    expect([other.socket.closed, nobody.socket.closed]).toEqual([undefined, undefined]);
  });

  test('6.7 the user with the same id in another app stays connected, and an unknown user is no error', async () => {
    const other = testApp({ id: 'other', credentials: [{ key: 'other-key', secret: 'app-secret' }] });
    const site = openCore({ apps: [testApp(), other] });
    const client = await site.connect({ appKey: 'other-key' });
    client.signin({ id: '42' });
    await settled();
    site.users.terminate('app-id', '42');
    site.users.terminate('nowhere', '42');
    site.users.terminate('other', 'nobody');
    expect(client.socket.closed).toBeUndefined();
  });

  test('6.7 the app may choose another code, with which its users reconnect', async () => {
    const site = openCore({ apps: [testApp({ terminateCloseCode: 4200 })] });
    const client = await site.connect();
    client.signin({ id: '42' });
    await settled();
    site.users.terminate('app-id', '42');
    expect(client.socket.closed?.code).toBe(4200);
  });

  test('6.7 a user who has left the channel is not disconnected', async () => {
    const site = openCore();
    const client = await site.connect();
    client.subscribe('presence-a', { user_id: '42' });
    client.unsubscribe('presence-a');
    await settled();
    site.users.terminate('app-id', '42');
    expect(client.socket.closed).toBeUndefined();
  });
});
