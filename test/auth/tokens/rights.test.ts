import { describe, expect, test } from 'vitest';
import { CLAIMS, forge, NOW_SECONDS, openTestTokens, type TokenChanges } from './issuer.ts';

const HS = { alg: 'HS256' };
const RULES = {
  signIn: { id: 'sub', info: { name: 'name' } },
  rules: [
    { channel: 'private-user.{id}', allow: { sub: '{id}' } },
    { channel: 'presence-room', allow: true, member: { id: 'sub' } },
    { channel: 'private-encrypted-a', allow: true },
    { channel: 'private-open-*', allow: true },
  ],
};
const openWith = (changes: TokenChanges = {}) => openTestTokens({ rules: RULES, ...changes });
const tokenWith = (more: object): string => forge(HS, { ...CLAIMS, ...more });
const TOKEN = forge(HS);

/** Decision about a request to the gateway, without the app. */
async function decided(channel: string, changes: TokenChanges = {}, authorization = `Bearer ${TOKEN}`) {
  const { tokens } = openWith(changes);
  const decision = await tokens.decide({ authorization, channel });
  return decision?.isAllowed === true ? { ...decision, app: decision.app.id } : decision;
}
const refused = (reason: string, isTemporary = false) => ({ isAllowed: false, reason, isTemporary });
const allowed = (more: object = {}) => ({
  isAllowed: true,
  app: 'app-id',
  expiresAtMs: (CLAIMS.exp + 5) * 1000,
  ...more,
});
const ASKS: TokenChanges = { asksOtherwise: true };

describe('a request to the gateway', () => {
  test.each([
    ['private-user.7', allowed()],
    ['presence-room', allowed({ channelData: '{"user_id":"7"}' })],
    ['', allowed({ userData: '{"id":"7","user_info":{"name":"Ada"}}' })],
    ['private-user.8', refused('condition')],
    ['private-other', refused('no_rule')],
    ['private-encrypted-a', refused('shared_secret')],
    ['orders', refused('channel_name')],
    ['#server-to-user-7', refused('channel_name')],
    ['private-open-a b', refused('channel_name')],
    ['private-open-a:{"user_id":"1"}', refused('channel_name')],
    [':user::{"id":"1"}', refused('channel_name')],
    [`private-open-${'a'.repeat(200)}`, refused('channel_name')],
  ])('15.4 for %j', async (channel, decision) => {
    expect(await decided(channel)).toEqual(decision);
  });

  test.each(['private-other', 'private-encrypted-a'])(
    '15.4 %s is left to the app, if it can be asked',
    async (channel) => {
      expect(await decided(channel, ASKS)).toBeUndefined();
    },
  );

  test('15.4 what a rule refuses is not asked for', async () => {
    expect(await decided('private-user.8', ASKS)).toEqual(refused('condition'));
  });

  test.each([
    undefined,
    '',
    'Basic dXNlcjpwYXNz',
    'Bearer',
    'Bearer 12|abcdef',
    `Bearer ${TOKEN} ${TOKEN}`,
    `Token ${TOKEN}`,
    TOKEN,
  ])('15.1 credentials that are no token are not decided: %s', async (authorization) => {
    const { tokens } = openWith();
    expect(await tokens.decide({ authorization, channel: 'private-user.7' })).toBeUndefined();
  });

  test('15.1 a wrong token is refused, also where the app could be asked', async () => {
    expect(await decided('private-user.7', ASKS, `bearer ${TOKEN}x`)).toEqual(refused('signature'));
    const expired = `Bearer ${tokenWith({ exp: NOW_SECONDS - 60 })}`;
    expect(await decided('private-user.7', ASKS, expired)).toEqual(refused('expired'));
  });

  test('15.3 without keys yet, the app is asked, or the refusal is temporary', async () => {
    const keys = {
      kind: 'key-set',
      url: new URL('http://127.0.0.1:1/'),
      timeoutMs: 1000,
      cooldownMs: 30_000,
      maxAgeMs: 600_000,
    } as const;
    expect(await decided('private-user.7', { keys })).toEqual(refused('keys_unavailable', true));
    expect(await decided('private-user.7', { keys, ...ASKS })).toBeUndefined();
  });

  test('15.5 the id of a user fits its channel, or the sign-in is refused', async () => {
    for (const sub of ['a b', 'a:b', '', null, {}, 1.5, 'x'.repeat(200)])
      expect(await decided('', {}, `Bearer ${tokenWith({ sub })}`)).toEqual(refused('user'));
  });

  test('15.4 a right is for one app: an app that is disabled or not known has none', async () => {
    expect(await decided('private-user.7', { app: 'another' })).toEqual(refused('app'));
  });

  test('15.4 decisions are counted', async () => {
    const { tokens } = openWith(ASKS);
    for (const channel of ['private-user.7', 'private-user.8', 'private-other', 'presence-room'])
      await tokens.decide({ authorization: `Bearer ${TOKEN}`, channel });
    expect(Object.fromEntries(tokens.decisions.entries())).toEqual({ allowed: 2, refused: 1, asked: 1 });
  });
});

describe('a right of a socket', () => {
  const rightOf = async (changes: TokenChanges = {}, token = TOKEN) => {
    const { tokens, app, clock } = openWith(changes);
    const right = await tokens.accept(app, token);
    if ('cause' in right) throw new Error(right.cause);
    return { right, clock };
  };

  test('15.5 is decided by the rules, encrypted channels included; nobody is asked', async () => {
    const { right } = await rightOf(ASKS);
    expect(right.enter('private-user.7')).toEqual({ channelData: undefined });
    expect(right.enter('presence-room')).toEqual({ channelData: '{"user_id":"7"}' });
    expect(right.enter('private-encrypted-a')).toEqual({ channelData: undefined });
    expect(right.enter('private-other')).toBeUndefined();
    expect(right.enter('private-user.8')).toBeUndefined();
  });

  test('15.6 ends with the token and the tolerance, to the millisecond', async () => {
    const { right, clock } = await rightOf();
    expect(right.expiresAtMs).toBe((CLAIMS.exp + 5) * 1000);
    clock.nowMs = (CLAIMS.exp + 5) * 1000 - 1;
    expect(right.enter('private-user.7')).toBeDefined();
    clock.nowMs += 1;
    expect(right.enter('private-user.7')).toBeUndefined();
  });

  test('15.5 keeps only the claims that the rules read', async () => {
    const { right } = await rightOf({}, tokenWith({ unread: 'marked' }));
    const seen = new Set<unknown>();
    const { tokens, app } = openWith();
    const original = tokens.decideChannel.bind(tokens);
    tokens.decideChannel = (of, claims, channel) => (
      seen.add(Object.keys(claims).sort().join()),
      original(of, claims, channel)
    );
    const other = await tokens.accept(app, tokenWith({ unread: 'marked' }));
    if ('enter' in other) other.enter('private-user.7');
    expect([...seen]).toEqual(['name,sub']);
    expect(JSON.stringify(right)).not.toContain('marked');
  });

  test('15.5 a token of one app signs in to no other app', async () => {
    const { tokens, app } = openWith();
    expect(await tokens.accept({ ...app, id: 'another' }, TOKEN)).toEqual({
      cause: 'app',
      isTemporary: false,
    });
  });

  test('15.1 a wrong token gives its cause', async () => {
    const { tokens, app } = openWith();
    expect(await tokens.accept(app, `${TOKEN}x`)).toEqual({ cause: 'signature', isTemporary: false });
  });
});
