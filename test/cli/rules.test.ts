import { SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { run, temporaryFile } from './command.ts';

const SECRET = 'a secret of the tests with 32 bytes or more';
const RULES = {
  rules: [
    { channel: 'private-admin.*', allow: { roles: { includes: 'admin' } } },
    { channel: 'private-orders.{order}', allow: { orders: { includes: '{order}' } } },
    { channel: 'private-orders.*', allow: true },
    { channel: 'presence-room', allow: true },
  ],
};
const rulesFile = (given: unknown = RULES): string => temporaryFile('rules.json', JSON.stringify(given));
const claims = (given: unknown): string[] => ['--claims', JSON.stringify(given)];
const testRules = (...args: string[]) => run(['rules', 'test', '--rules', rulesFile(), ...args]);

describe('wavehall rules check', () => {
  test('15.4 accepts a good file', async () => {
    const outcome = await run(['rules', 'check', rulesFile()]);
    expect([outcome.code, JSON.parse(outcome.stdout)]).toEqual([0, expect.objectContaining({ rules: 4 })]);
  });

  test('15.4 names every problem with its rule and field, one on each line', async () => {
    const file = rulesFile({
      rules: [
        { channel: 'a', allow: true },
        { channel: 'private-b', allow: 7 },
      ],
    });
    const { code, stdout, stderr } = await run(['rules', 'check', file]);
    expect([code, stdout]).toEqual([1, '']);
    expect(
      stderr
        .trim()
        .split('\n')
        .map((line) => line.split(': ').slice(2).join(': ')),
    ).toEqual([
      'rule 1, channel: expected the prefix of a signed channel, such as private- or presence-',
      'rule 2, allow: expected true, false or an object of conditions',
    ]);
  });
});

describe('wavehall rules test', () => {
  test('15.4 shows which rule decides, and why the others do not', async () => {
    const channels = [
      'private-orders.1',
      'private-orders.3',
      'private-admin.x',
      'presence-room',
      'private-none',
    ];
    const { code, stdout } = await testRules(...claims({ sub: 7, orders: [1] }), '--channel', ...channels);
    const report = JSON.parse(stdout) as { channels: object[] };
    expect(code).toBe(0);
    expect(report).toMatchObject({ app: 'app-id', userData: '{"id":"7"}' });
    expect(report.channels).toMatchObject([
      {
        onSocket: 'allowed',
        rule: 2,
        rules: [
          { rule: 1, why: 'does not cover this name' },
          { rule: 2, why: 'decides: the claims fulfil it' },
          { rule: 3, why: 'stands behind the rule that decides' },
          { rule: 4, why: 'does not cover this name' },
        ],
      },
      { onSocket: 'refused', rules: [{}, { why: 'decides: the claim orders is no list with "3"' }, {}, {}] },
      { onSocket: 'refused', rules: [{ why: 'decides: the token has no claim roles' }, {}, {}, {}] },
      { onSocket: 'allowed', rule: 4, channelData: '{"user_id":"7"}' },
      { onSocket: 'refused', why: 'no rule covers this name' },
    ]);
  });

  test('15.5 says that a socket without a user enters nothing', async () => {
    const { stdout } = await testRules(...claims({ orders: [1] }), '--channel', 'private-orders.1');
    expect(JSON.parse(stdout)).toMatchObject({ channels: [{ onSocket: 'refused', atGateway: 'allowed' }] });
  });

  test('15.1 verifies a token, names its fault, and never prints it', async () => {
    const sign = (secret: string) =>
      new SignJWT({ sub: 'marked' })
        .setProtectedHeader({ alg: 'HS256' })
        .setExpirationTime('1h')
        .sign(Buffer.from(secret));
    const env = { WAVEHALL_JWT_SECRET: SECRET, WAVEHALL_CHANNEL_RULES: rulesFile() };
    const [good, bad] = [await sign(SECRET), await sign('another secret that nobody set anywhere')];
    const right = await run(['rules', 'test', '--token', good], env);
    expect(JSON.parse(right.stdout)).toMatchObject({ userData: '{"id":"marked"}', channels: [] });
    const wrong = await run(['rules', 'test', '--token', bad], env);
    expect([wrong.code, wrong.stderr]).toEqual([
      1,
      'wavehall: the token is refused (signature): its signature is not by a key of the server\n',
    ]);
    expect(right.stdout + right.stderr + wrong.stdout + wrong.stderr).not.toMatch(/eyJ/);
  });

  test.each([
    [[], 'expected either --token or --claims'],
    [['--token', 'a', '--claims', '{}'], 'expected either --token or --claims'],
    [['--claims', '[]'], '--claims: expected a JSON object'],
    [['--token', 'a'], 'expected a key of tokens'],
  ])('15.4 %j is refused', async (args, message) => {
    const { code, stderr } = await testRules(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});
