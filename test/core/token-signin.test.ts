import { describe, expect, test } from 'vitest';
import { MOST_CLOSED } from '../../src/core/client/token-expiry.ts';
import type { ClientTokens } from '../../src/core/ports/apps.ts';
import { type Client, dataOf, deferred, openCore, settled, testApp, type TestCoreOptions } from './fakes.ts';

const ENDS_AFTER_MS = 60_000;
const NOW_MS = 1_800_000_000_000;
const FAILED = { code: 4009, message: 'Connection not authorized.' };

/** Tokens that are a user's id; each may enter `private-{id}` and `presence-room`, until the time is over. */
function testTokens(changes: Partial<ClientTokens> & { readonly nowMs?: () => number } = {}): ClientTokens {
  const { nowMs = () => 0 } = changes;
  return {
    closesExpired: false,
    accept(_, token) {
      if (token === 'later') return Promise.resolve({ cause: 'keys_unavailable', isTemporary: true });
      if (!/^(?:\d+|a b)$/.test(token)) return Promise.resolve({ cause: 'signature', isTemporary: false });
      const expiresAtMs = NOW_MS + ENDS_AFTER_MS;
      return Promise.resolve({
        userData: JSON.stringify({ id: token, user_info: { name: `n${token}` } }),
        expiresAtMs,
        enter(channel) {
          if (nowMs() >= expiresAtMs) return undefined;
          if (channel === `private-${token}`) return { channelData: undefined };
          return channel === 'presence-room'
            ? { channelData: JSON.stringify({ user_id: token }) }
            : undefined;
        },
      });
    },
    ...changes,
  };
}

const openWith = (tokens: ClientTokens = testTokens(), options: TestCoreOptions = {}) =>
  openCore({ tokens, ...options });

const signin = async (client: Client, auth: string): Promise<void> => {
  client.send({ event: 'pusher:signin', data: { auth, user_data: '' } });
  await settled();
};
async function subscribe(client: Client, channel: string, more: object = { auth: '' }): Promise<string> {
  client.take();
  client.send({ event: 'pusher:subscribe', data: { channel, ...more } });
  await settled();
  return client.take()[0]?.event ?? 'nothing';
}
const SUCCEEDED = 'pusher_internal:subscription_succeeded';
const REFUSED = 'pusher:subscription_error';

describe('signing in by a token', () => {
  test('15.5 succeeds with the user of the token, whatever user_data the client sends', async () => {
    const site = openWith();
    const client = await site.connect();
    client.send({ event: 'pusher:signin', data: { auth: '7', user_data: '{"id":"1"}' } });
    await settled();
    expect(client.frames.slice(1).map((frame) => [frame.event, dataOf(frame)])).toEqual([
      ['pusher:signin_success', { user_data: '{"id":"7","user_info":{"name":"n7"}}' }],
    ]);
    expect(await subscribe(client, '#server-to-user-7')).toBe(SUCCEEDED);
    expect(await subscribe(client, '#server-to-user-1')).toBe(REFUSED);
  });

  test.each([
    ['a wrong token', 'x', 'signature'],
    ['a user who cannot have a channel', 'a b', 'user'],
  ])('15.5 %s ends the connection with 4009, with its cause in the log', async (_, token, cause) => {
    const site = openWith();
    const client = await site.connect();
    await signin(client, token);
    expect(client.frames.slice(1).map(dataOf)).toEqual([FAILED]);
    expect(client.socket.closed).toEqual({ code: 4009, reason: FAILED.message });
    expect(site.refused()).toEqual({ token: 1 });
    expect(site.refusalLog.warnings.map(({ details }) => details)).toMatchObject([
      { reason: 'token', cause },
    ]);
  });

  test('15.3 a token whose key is not known yet ends the connection with 4100, so that the client tries again', async () => {
    const site = openWith();
    const client = await site.connect();
    await signin(client, 'later');
    expect(client.socket.closed).toEqual({ code: 4100, reason: 'Sign-in is not possible for now.' });
    expect(site.refused()).toEqual({ token_keys: 1 });
  });

  test('6.3 an auth with a colon is a signature, an empty one is neither', async () => {
    const site = openWith();
    for (const auth of ['app-key:7', '']) {
      const client = await site.connect();
      await signin(client, auth);
      expect(client.socket.closed?.code).toBe(4009);
    }
    expect(site.refused()).toEqual({ signin: 2 });
  });

  test('15.5 where no tokens are set up, a token is a wrong signature, and an empty auth enters nothing', async () => {
    const site = openCore();
    const client = await site.connect();
    await signin(client, '7');
    expect(site.refused()).toEqual({ signin: 1 });
    const other = await site.connect();
    expect(await subscribe(other, 'private-7')).toBe(REFUSED);
  });

  test('6.2 a further token of the same user replaces the right; one of another user ends the connection', async () => {
    const site = openWith();
    const client = await site.connect();
    await signin(client, '7');
    await signin(client, '7');
    expect(client.eventNames.slice(1)).toEqual(['pusher:signin_success', 'pusher:signin_success']);
    await signin(client, '8');
    expect(client.socket.closed?.code).toBe(4009);
    expect(site.refusalLog.warnings.map(({ details }) => details)).toMatchObject([{ cause: 'other_user' }]);
  });

  test('15.5 a socket that closes while its token is verified is not signed in', async () => {
    const verified = deferred();
    const tokens = testTokens();
    const site = openWith({
      ...tokens,
      accept: (app, token) => verified.promise.then(() => tokens.accept(app, token)),
    });
    const client = await site.connect();
    await signin(client, '7');
    client.close();
    verified.release();
    await settled();
    expect(site.refused()).toEqual({});
    expect([...site.hub.connections()]).toEqual([]);
  });

  test('15.5 a defect of the verification ends the connection and is logged', async () => {
    const site = openWith({ ...testTokens(), accept: () => Promise.reject(new Error('defect')) });
    const client = await site.connect();
    await signin(client, '7');
    expect(client.socket.closed?.code).toBe(1011);
    expect(site.logger.errors).toHaveLength(1);
  });

  test('6.8 a sign-in by a token authorises the connection', async () => {
    const site = openWith(testTokens(), { apps: [testApp({ authorizeWithinSeconds: 10 })] });
    const client = await site.connect();
    await signin(client, '7');
    site.clock.pass(10_000);
    site.liveness.sweep();
    expect(client.socket.closed).toBeUndefined();
  });
});

describe('channels of a signed-in socket', () => {
  test.each([{ auth: '' }, {}, { auth: '', channel_data: '{"user_id":"1"}' }])(
    '15.5 the rules decide about a subscription with %j',
    async (data) => {
      const site = openWith();
      const client = await site.connect();
      await signin(client, '7');
      expect(await subscribe(client, 'private-7', data)).toBe(SUCCEEDED);
      expect(await subscribe(client, 'private-8', data)).toBe(REFUSED);
      expect(client.socket.closed).toBeUndefined();
      expect(site.refused()).toEqual({ channel_rule: 1 });
    },
  );

  test('15.5 a member is the one of the rules, not the one that the client names', async () => {
    const client = await openWith().connect();
    await signin(client, '7');
    client.take();
    client.send({
      event: 'pusher:subscribe',
      data: { channel: 'presence-room', auth: '', channel_data: '{"user_id":"1"}' },
    });
    await settled();
    expect(dataOf(client.take()[0])).toEqual({ presence: { count: 1, ids: ['7'], hash: { 7: null } } });
  });

  test('3.5 a subscription with an auth is checked by its signature', async () => {
    const client = await openWith().connect();
    await signin(client, '7');
    expect(await subscribe(client, 'private-7', { auth: 'app-key:00' })).toBe(REFUSED);
    client.subscribe('private-8');
    await settled();
    expect(client.take()[0]?.event).toBe(SUCCEEDED);
  });

  test.each(['private-', 'private-a b', 'private-7:x', `private-${'7'.repeat(200)}`])(
    '3.2 the name %j is refused before the rules are asked',
    async (channel) => {
      const asked: string[] = [];
      const tokens = testTokens();
      const site = openWith({
        ...tokens,
        accept: async (app, token) => {
          const right = await tokens.accept(app, token);
          return 'cause' in right ? right : { ...right, enter: (name) => (asked.push(name), undefined) };
        },
      });
      const client = await site.connect();
      await signin(client, '7');
      expect(await subscribe(client, channel)).toBe(REFUSED);
      expect(asked).toEqual(channel === 'private-' ? ['private-'] : []);
    },
  );

  test('15.5 the right of one socket is not that of another', async () => {
    const site = openWith();
    const [one, other] = [await site.connect(), await site.connect()];
    await signin(one, '7');
    expect(await subscribe(other, 'private-7')).toBe(REFUSED);
    expect(site.refused()).toEqual({ channel_signature: 1 });
  });
});

describe('the end of a right', () => {
  const expiring = (closesExpired: boolean, connections = 1) => {
    const site: ReturnType<typeof openCore> = openWith(
      testTokens({ closesExpired, nowMs: () => site.clock.nowMs }),
    );
    const clients = Promise.all(
      Array.from({ length: connections }, async () => {
        const client = await site.connect();
        await signin(client, '7');
        return client;
      }),
    );
    return { site, clients };
  };

  test('15.6 refuses further subscriptions; the ones that exist stay, and a new token gives a new right', async () => {
    const { site, clients } = expiring(false);
    const [client] = (await clients) as [Client];
    expect(await subscribe(client, 'private-7')).toBe(SUCCEEDED);
    site.clock.pass(ENDS_AFTER_MS);
    expect(await subscribe(client, 'presence-room')).toBe(REFUSED);
    expect(site.expiry).toBeUndefined();
    expect(client.socket.closed).toBeUndefined();
    expect([...site.hub.connections()][0]?.subscription('private-7')).toBeDefined();
  });

  test('15.6 closes the socket with 4200, not a moment earlier', async () => {
    const { site, clients } = expiring(true);
    const [client] = (await clients) as [Client];
    site.clock.pass(ENDS_AFTER_MS - 1);
    site.expiry?.tick();
    expect(client.socket.closed).toBeUndefined();
    site.clock.pass(1);
    site.expiry?.tick();
    const expired = { code: 4200, message: 'The token has expired. Please sign in again.' };
    expect(dataOf(client.frames.at(-1))).toEqual(expired);
    expect(client.socket.closed).toEqual({ code: 4200, reason: expired.message });
    expect(site.refused()).toEqual({ token_expired: 1 });
    client.close(4200);
    await settled();
    expect([...site.traffic.of('app-id').closed.entries()]).toEqual([['token_expired', 1]]);
  });

  test('15.6 a newer token moves the end', async () => {
    let endsAtMs = NOW_MS + 1000;
    const tokens = testTokens({ closesExpired: true });
    const site = openWith({
      ...tokens,
      accept: async (app, token) => ({ ...(await tokens.accept(app, token)), expiresAtMs: endsAtMs }),
    });
    const client = await site.connect();
    await signin(client, '7');
    endsAtMs += 1000;
    await signin(client, '7');
    site.clock.pass(1999);
    site.expiry?.tick();
    expect(client.socket.closed).toBeUndefined();
    site.clock.pass(1);
    site.expiry?.tick();
    expect(client.socket.closed?.code).toBe(4200);
  });

  test('15.7 500 sockets are closed in a second, the next one in the next second', async () => {
    const { site, clients } = expiring(true, MOST_CLOSED + 1);
    const all = await clients;
    site.clock.pass(ENDS_AFTER_MS);
    site.expiry?.tick();
    expect(all.filter(({ socket }) => socket.closed !== undefined)).toHaveLength(MOST_CLOSED);
    site.expiry?.tick();
    expect(all.filter(({ socket }) => socket.closed !== undefined)).toHaveLength(MOST_CLOSED + 1);
    expect(site.expiry?.watched).toBe(0);
  });

  test('15.6 sockets that leave earlier are not kept', async () => {
    const { site, clients } = expiring(true);
    const [client] = (await clients) as [Client];
    client.close();
    await settled();
    site.expiry?.tick();
    expect(site.expiry?.watched).toBe(0);
  });
});
