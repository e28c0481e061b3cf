import { describe, expect, test } from 'vitest';
import { parseRules } from '../../../src/auth/rules/parse-rules.ts';
import { decide } from '../../../src/auth/rules/rule-set.ts';
import { rulesOf } from '../tokens/issuer.ts';

/** Outcome for one rule. */
function outcomeOf(rule: object, claims: object, channel = 'private-orders.7'): string {
  const set = rulesOf({ rules: [{ channel: 'private-orders.{order}', ...rule }] });
  const decision = decide(set, claims as Record<string, unknown>, channel);
  return decision.outcome === 'refused' ? decision.reason : decision.outcome;
}

const problemsOf = (given: unknown): readonly string[] => {
  const problems: string[] = [];
  const rules = parseRules(typeof given === 'string' ? given : JSON.stringify(given), problems);
  expect(rules === undefined).toBe(problems.length > 0);
  return problems;
};
const problemsOfRule = (rule: object): readonly string[] =>
  problemsOf({ rules: [{ channel: 'private-orders.{order}', allow: true, ...rule }] });

describe('conditions', () => {
  test.each([
    ['a name of the pattern', { sub: '{order}' }, { sub: '7' }],
    ['a number that has the characters of the name', { sub: '{order}' }, { sub: 7 }],
    ['a number where a text is wanted', { level: '7' }, { level: 7 }],
    ['a text where a number is wanted', { level: 7 }, { level: '7' }],
    ['a fraction', { level: 1.5 }, { level: 1.5 }],
    ['a truth value', { admin: true }, { admin: true }],
    ['one of several values', { role: ['admin', 'owner'] }, { role: 'owner' }],
    ['one of a value and a name', { sub: ['1', '{order}'] }, { sub: '7' }],
    ['a list with a value', { roles: { includes: 'admin' } }, { roles: ['user', 'admin'] }],
    ['a list with the name', { orders: { includes: '{order}' } }, { orders: [6, 7] }],
    ['a list with one of several values', { roles: { includes: ['a', 'b'] } }, { roles: ['x', 'b'] }],
    ['a claim inside another', { 'tenant.id': '{order}' }, { tenant: { id: 7 } }],
    ['a claim with dots in its name', { 'https://x.test/roles': 'a' }, { 'https://x.test/roles': 'a' }],
    ['two conditions', { sub: '7', role: 'a' }, { sub: '7', role: 'a' }],
    ['all of', { allOf: [{ sub: '7' }, { role: 'a' }] }, { sub: '7', role: 'a' }],
    ['any of', { anyOf: [{ sub: '1' }, { role: 'a' }] }, { sub: '7', role: 'a' }],
    ['a claim beside any of', { sub: '7', anyOf: [{ role: 'b' }, { role: 'a' }] }, { sub: '7', role: 'a' }],
  ])('15.4 %s: allowed', (_, allow, claims) => {
    expect(outcomeOf({ allow }, claims)).toBe('allowed');
  });

  test.each([
    ['another value', { sub: '{order}' }, { sub: '8' }],
    ['the claim is missing', { sub: '{order}' }, {}],
    ['null', { sub: '{order}' }, { sub: null }],
    ['"07"', { sub: '{order}' }, { sub: '07' }],
    ['a list with the value, where a value is wanted', { sub: '{order}' }, { sub: ['7'] }],
    ['an object', { sub: '{order}' }, { sub: { toString: '7' } }],
    ['the text "true"', { admin: true }, { admin: 'true' }],
    ['1 for true', { admin: true }, { admin: 1 }],
    ['true for "true"', { admin: 'true' }, { admin: true }],
    ['a value, where a list is wanted', { roles: { includes: 'admin' } }, { roles: 'admin' }],
    ['a text that contains the value', { roles: { includes: 'admin' } }, { roles: 'no admin' }],
    ['an object with the value as a key', { roles: { includes: 'admin' } }, { roles: { admin: true } }],
    ['a list in a list', { roles: { includes: 'admin' } }, { roles: [['admin']] }],
    ['other letters', { role: 'admin' }, { role: 'Admin' }],
    ['only one of two', { sub: '7', role: 'a' }, { sub: '7', role: 'b' }],
    ['none of any of', { anyOf: [{ sub: '1' }, { sub: '2' }] }, { sub: '7' }],
    ['a claim with dots is not the way', { 'tenant.id': '7' }, { 'tenant.id': '7' }],
    ['the way leads through a text', { 'tenant.id': '7' }, { tenant: '7' }],
    ['the way leads through a list', { 'tenant.0': '7' }, { tenant: ['7'] }],
    ['a way that every text has', { 'sub.length': 1 }, { sub: '7' }],
    ['what every object inherits', { 'constructor.name': 'Object' }, {}],
    ['toString', { toString: { includes: 'a' } }, {}],
  ])('15.4 %s: refused', (_, allow, claims) => {
    expect(outcomeOf({ allow }, claims)).toBe('condition');
  });

  test('15.4 a number beyond 2^53 equals nothing, not even itself', () => {
    const claims = JSON.parse('{"sub":9007199254740993}') as object;
    for (const id of ['9007199254740993', '9007199254740992'])
      expect(outcomeOf({ allow: { sub: '{order}' } }, claims, `private-orders.${id}`)).toBe('condition');
  });

  test('15.4 __proto__ of a token is a claim like any other, and changes none', () => {
    const claims = JSON.parse('{"__proto__":{"role":"admin"}}') as object;
    expect(outcomeOf({ allow: { role: 'admin' } }, claims)).toBe('condition');
    expect(outcomeOf({ allow: { '__proto__.role': 'admin' } }, claims)).toBe('allowed');
    expect(outcomeOf({ allow: { '__proto__.role': 'admin' } }, {})).toBe('condition');
  });
});

describe('the first rule decides', () => {
  const set = rulesOf({
    rules: [
      { channel: 'private-orders.secret', allow: false },
      { channel: 'private-orders.{order}', allow: { sub: '{order}' } },
      { channel: 'private-orders.*', allow: true },
      {
        channel: 'presence-room.{room}',
        allow: true,
        member: { id: 'uid', info: { name: 'name', at: 'tenant.id' } },
      },
      { channel: 'presence-*', allow: true },
    ],
  });
  const claims = { sub: '7', uid: 8, name: 'Ada', tenant: { id: 3 } };

  test.each([
    ['private-orders.secret', { outcome: 'refused', index: 0, reason: 'rule_refuses' }],
    ['private-orders.7', { outcome: 'allowed', index: 1, channelData: undefined }],
    ['private-orders.8', { outcome: 'refused', index: 1, reason: 'condition' }],
    ['private-orders.8.items', { outcome: 'allowed', index: 2, channelData: undefined }],
    ['private-other', { outcome: 'uncovered' }],
    ['private-encrypted-orders.7', { outcome: 'uncovered' }],
    [
      'presence-room.a',
      { outcome: 'allowed', index: 3, channelData: '{"user_id":"8","user_info":{"name":"Ada","at":3}}' },
    ],
    ['presence-other', { outcome: 'allowed', index: 4, channelData: '{"user_id":"7"}' }],
  ])('15.4 %s', (channel, decision) => {
    expect(decide(set, claims, channel)).toEqual(decision);
  });

  test.each([{}, { uid: '' }, { uid: null }, { uid: true }, { uid: ['8'] }, { uid: 1.5 }, { uid: 2 ** 53 }])(
    '15.4 no member has the id of %j',
    (more) => {
      expect(decide(set, more, 'presence-room.a')).toEqual({
        outcome: 'refused',
        index: 3,
        reason: 'member',
      });
    },
  );

  test('15.4 claims that the token does not have are left out of the info', () => {
    const decision = decide(set, { uid: '8' }, 'presence-room.a');
    expect(decision).toMatchObject({ channelData: '{"user_id":"8","user_info":{}}' });
  });
});

describe('a file of rules', () => {
  test.each([
    ['[]', 'expected a JSON object with rules'],
    ['{', 'expected a JSON object with rules'],
    [{}, 'rules: expected a list of at most 1000 rules'],
    [{ rules: {} }, 'rules: expected a list of at most 1000 rules'],
    [{ rules: [], otherwise: 'allow' }, 'otherwise: expected "refuse" or "ask"'],
    [{ rules: [], app: 7 }, 'app: expected the id of an app'],
    [{ rules: [], rule: [] }, '"rule": expected one of app, otherwise, signIn, rules'],
    [{ rules: [], signIn: 'sub' }, 'signIn: expected an object with id and info'],
    [{ rules: [], signIn: { ID: 'sub' } }, 'signIn: expected id and info, not "ID"'],
    [{ rules: [7] }, 'rule 1: expected an object with channel and allow'],
    [{ rules: [{}] }, 'rule 1, channel: expected a pattern such as private-orders.{order}'],
    ['{"rules":[],"rules":[]}', 'expected "rules" once in an object'],
    ['{"rules":[{"channel":"private-a","allow":{"sub":"1","sub":"2"}}]}', 'expected "sub" once in an object'],
  ])('15.4 %j: %s', (given, problem) => {
    expect(problemsOf(given)).toEqual([problem]);
  });

  test.each([
    [{ allow: undefined }, 'rule 1, allow: expected true, false or an object of conditions'],
    [{ allow: 'yes' }, 'rule 1, allow: expected true, false or an object of conditions'],
    [{ allow: {} }, 'rule 1, allow: expected from 1 to 100 of them'],
    [{ allow: { sub: [] } }, 'rule 1, allow.sub: expected from 1 to 100 of them'],
    [{ allow: { sub: null } }, 'rule 1, allow.sub: expected texts, numbers up to 2^53, true or false'],
    [{ allow: { sub: 2 ** 54 } }, 'rule 1, allow.sub: expected texts, numbers up to 2^53, true or false'],
    [
      { allow: { sub: '{user}' } },
      'rule 1, allow.sub: expected a name of the pattern in braces and nothing else, not "{user}"',
    ],
    [
      { allow: { sub: 'x{order}' } },
      'rule 1, allow.sub: expected a name of the pattern in braces and nothing else, not "x{order}"',
    ],
    [{ allow: { '': 1 } }, 'rule 1, allow.: expected the name of a claim, such as sub or tenant.id'],
    [{ allow: { 'a..b': 1 } }, 'rule 1, allow.a..b: expected the name of a claim, such as sub or tenant.id'],
    [{ allow: { a: { has: 1 } } }, 'rule 1, allow.a: expected a value, a list of values, or {"includes": …}'],
    [{ allow: { anyOf: {} } }, 'rule 1, allow.anyOf: expected a list of conditions'],
    [
      { allow: { anyOf: [{ a: [[]] }] } },
      'rule 1, allow.anyOf[0].a: expected texts, numbers up to 2^53, true or false',
    ],
    [{ member: {} }, 'rule 1, member: expected a presence- channel, the others have no members'],
    [{ alow: true }, 'rule 1, "alow": expected one of channel, allow, member, note'],
    [
      { channel: 'orders' },
      'rule 1, channel: expected the prefix of a signed channel, such as private- or presence-',
    ],
  ])('15.4 the rule %j: %s', (rule, problem) => {
    expect(problemsOfRule(rule)).toEqual([problem]);
  });

  test('15.4 every problem of a file is named at once, with the number of its rule', () => {
    const rules = [
      { channel: 'private-a', allow: true },
      { channel: 'a', allow: true },
      { channel: 'private-b' },
    ];
    expect(problemsOf({ rules, otherwise: 1 })).toEqual([
      'otherwise: expected "refuse" or "ask"',
      'rule 2, channel: expected the prefix of a signed channel, such as private- or presence-',
      'rule 3, allow: expected true, false or an object of conditions',
    ]);
  });

  const nested = (levels: number): object => (levels === 1 ? { sub: '7' } : { anyOf: [nested(levels - 1)] });
  const many = (count: number): string[] => Array.from({ length: count }, (_, at) => `${at}`);

  test('15.7 8 levels of conditions, 100 values and 1000 rules are accepted, one more is not', () => {
    expect(problemsOfRule({ allow: nested(8) })).toEqual([]);
    expect(problemsOfRule({ allow: nested(9) })).toHaveLength(1);
    expect(problemsOfRule({ allow: { sub: many(100) } })).toEqual([]);
    expect(problemsOfRule({ allow: { sub: many(101) } })).toHaveLength(1);
    const rules = (count: number) => ({
      rules: many(count).map((name) => ({ channel: `private-${name}`, allow: true })),
    });
    expect(problemsOf(rules(1000))).toEqual([]);
    expect(problemsOf(rules(1001))).toHaveLength(1);
  });

  test('15.7 100 claims in an info are accepted, one more is not', () => {
    const rule = (count: number) => ({
      channel: 'presence-a',
      member: { info: Object.fromEntries(many(count).map((name) => [name, 'name'])) },
    });
    expect(problemsOfRule(rule(100))).toEqual([]);
    expect(problemsOfRule(rule(101))).toEqual([
      'rule 1, member: expected an object of at most 100 names of claims as info',
    ]);
  });

  test('15.4 texts of a file that are long, deep or full of escapes are refused or read, and end nothing', () => {
    for (const text of ['['.repeat(100_000), `{"rules":${'['.repeat(5000)}${']'.repeat(5000)}}`])
      expect(problemsOf(text).length).toBeGreaterThan(0);
    expect(
      problemsOf(`{"rules":[{"channel":"private-a","allow":true,"note":"${'\\"'.repeat(200_000)}"}]}`),
    ).toEqual([]);
  });
});
