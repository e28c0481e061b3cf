import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Member,
  memberFromUser,
  parseMember,
  parseUserData,
  ProtocolError,
  rosterJson,
} from '#protocol';
import vectors from '../../protocol/vectors/user-ids.json' with { type: 'json' };

const limits = { userIdLength: 128, userInfoBytes: 0 };

function refusalOf(channelData: string | undefined, within = limits): ProtocolError | undefined {
  try {
    parseMember(channelData, within, 'presence-a');
    return undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}

test.each(vectors.members)('$rule a member: $title', ({ channelData, member }) => {
  expect(parseMember(channelData, limits, 'presence-a')).toEqual(member);
});

test.each(vectors.refusedMembers)('$rule no member: $title', ({ channelData }) => {
  expect(refusalOf(channelData)).toMatchObject({
    channel: 'presence-a',
    subscription: { type: 'AuthError', status: 401 },
  });
});

test('4.1 a missing channel_data is refused like a wrong signature', () => {
  expect(refusalOf(undefined)).toMatchObject({ code: 4009, subscription: { type: 'AuthError' } });
});

test('4.1 user_info that is nested too deeply is refused', () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);
  expect(refusalOf(`{"user_id":"7","user_info":${deep}}`)?.subscription?.type).toBe('AuthError');
});

test.each(vectors.limited)('$rule $title', ({ channelData, limits: within, error }) => {
  const refusal = refusalOf(channelData, within);
  expect(refusal?.subscription).toEqual(error && { type: 'LimitReached', status: 400, error });
});

test('4.2 a number and its string form are one user, each keeps its type in frames', () => {
  const [number, text] = ['{"user_id":7}', '{"user_id":"7"}'].map((data) =>
    parseMember(data, limits, 'presence-a'),
  );
  expect(number?.id).toBe(text?.id);
  expect([number?.userId, text?.userId]).toEqual([7, '7']);
});

test('6.6 a signed-in user joins under the signed-in id and user_info', () => {
  const user = parseUserData('{"id":42,"user_info":{"name":"A"}}');
  expect(user && memberFromUser(user)).toEqual({ id: '42', userId: '42', infoJson: '{"name":"A"}' });
});

interface Roster {
  readonly presence: {
    readonly count: number;
    readonly ids: unknown[];
    readonly hash: Record<string, unknown>;
  };
}

const userId = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toString', '0', '1', 0, 1, -0.5),
  fc.string({ unit: 'binary', minLength: 1 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const member = fc
  .record({ userId, info: fc.option(fc.jsonValue(), { nil: undefined }) })
  .map(({ userId: id, info }): Member => ({
    id: String(id),
    userId: id,
    infoJson: info === undefined ? undefined : JSON.stringify(info),
  }));

test('4.3 a roster holds exactly its members, whatever their ids are', () => {
  fc.assert(
    fc.property(fc.uniqueArray(member, { selector: ({ id }) => id }), (members) => {
      const { presence } = JSON.parse(rosterJson(members)) as Roster;
      expect(presence.count).toBe(members.length);
      expect(presence.ids.map(String)).toEqual(members.map(({ id }) => id));
      expect(presence.ids.map((id) => typeof id)).toEqual(members.map((one) => typeof one.userId));
      expect(Array.isArray(presence.hash)).toBe(false);
      expect(Object.keys(presence.hash).sort()).toEqual(members.map(({ id }) => id).sort());
      for (const { id, infoJson } of members)
        expect(Object.getOwnPropertyDescriptor(presence.hash, id)?.value).toEqual(
          JSON.parse(infoJson ?? 'null'),
        );
    }),
  );
});

test('4.1 every channel_data makes a member or a refusal', () => {
  const data = fc.oneof(
    fc.string(),
    fc.json(),
    fc.record({ user_id: fc.jsonValue(), user_info: fc.jsonValue() }).map((it) => JSON.stringify(it)),
  );
  fc.assert(
    fc.property(data, (channelData) => {
      const refusal = refusalOf(channelData);
      if (refusal) expect(refusal.subscription).toBeDefined();
      else expect(parseMember(channelData, limits, 'presence-a').id).not.toBe('');
    }),
  );
});
