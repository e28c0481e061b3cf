import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { RULES_BYTES } from '../../src/config/access/channel-rules.ts';
import { readConfig } from '../../src/config/index.ts';
import { problemsIn } from './problems.ts';

const folder = mkdtempSync(join(tmpdir(), 'wavehall-config-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const SECRET = 'a secret of the tests with 32 bytes or more';
const GOOD_RULES = file('rules.json', '{"rules":[{"channel":"private-a","allow":true}]}');
const GOOD = { WAVEHALL_JWT_SECRET: SECRET, WAVEHALL_CHANNEL_RULES: GOOD_RULES };
const APPS = JSON.stringify(
  ['a', 'b'].map((id) => ({ app_id: id, key: `${id}-key`, secret: `${id}-secret` })),
);

const tokensOf = (variables: Record<string, string>) => readConfig(variables).tokens;
const problemsOf = (variables: Record<string, string>): string =>
  problemsIn(() => readConfig({ ...GOOD, ...variables })).join('\n');
const withoutSecret = (variables: Record<string, string>): string =>
  problemsOf({ WAVEHALL_JWT_SECRET: '', ...variables });

const pemOf = (pair: { publicKey: { export(how: object): string | Buffer } }): string =>
  String(pair.publicKey.export({ type: 'spki', format: 'pem' }));
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const EC = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const [RSA_PEM, EC_PEM] = [pemOf(RSA), pemOf(EC)];

describe('keys of tokens', () => {
  test('15.3 nothing is set: no token gives a right', () => {
    expect(tokensOf({})).toBeUndefined();
  });

  test('15.3 a secret is for HS alone; its bytes are those of the text, or of the base64', () => {
    const bytes = Buffer.from(SECRET).toString('base64');
    for (const given of [SECRET, `base64:${bytes}`]) {
      const tokens = tokensOf({ ...GOOD, WAVEHALL_JWT_SECRET: given });
      expect(tokens?.checks.algorithms).toEqual(['HS256', 'HS384', 'HS512']);
      expect(tokens?.keys).toEqual({ kind: 'secrets', secrets: [Buffer.from(SECRET)] });
    }
  });

  test('15.7 1 to 10 secrets of 32 bytes are accepted; 11, or 31 bytes, are refused without being shown', () => {
    const many = (count: number, bytes: number): string =>
      Array.from({ length: count }, (_, at) => `${at}`.padEnd(bytes, 'x')).join(',');
    expect(problemsOf({ WAVEHALL_JWT_SECRET: many(10, 32) })).toBe('');
    for (const bad of [many(11, 32), many(1, 31), `${SECRET},short`, 'base64:!!!!', ',']) {
      expect(problemsOf({ WAVEHALL_JWT_SECRET: bad })).toBe(
        'WAVEHALL_JWT_SECRET=(not shown): expected 1 to 10 secrets of at least 32 bytes each; one with a comma in it as base64:…',
      );
    }
  });

  test('15.3 a public key is PEM, PEM in one line, or a file of several; its kind decides the algorithms', () => {
    const both = file('keys.pem', `${RSA_PEM}\n${EC_PEM}`);
    const given: readonly (readonly [string, readonly string[]])[] = [
      [EC_PEM, ['ES256']],
      [EC_PEM.trim().replaceAll('\n', '\\n'), ['ES256']],
      [both, ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256']],
    ];
    for (const [key, algorithms] of given) {
      const tokens = tokensOf({ WAVEHALL_CHANNEL_RULES: GOOD_RULES, WAVEHALL_JWT_PUBLIC_KEY: key });
      expect(tokens?.checks.algorithms).toEqual(algorithms);
    }
  });

  const small = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const odd = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
  test.each([
    ['a private key', String(EC.privateKey.export({ type: 'pkcs8', format: 'pem' }))],
    ['a small RSA key', pemOf(small)],
    ['another curve', pemOf(odd)],
    ['a key for agreement', pemOf(generateKeyPairSync('x25519'))],
    ['no key between the lines', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----'],
    ['only a beginning', '-----BEGIN PUBLIC KEY-----'],
    ['11 keys', EC_PEM.repeat(11)],
  ])('15.3 %s is refused and not shown', (_, key) => {
    const problems = withoutSecret({ WAVEHALL_JWT_PUBLIC_KEY: key });
    expect(problems).toMatch(/^WAVEHALL_JWT_PUBLIC_KEY: expected 1 to 10 public keys/);
    expect(problems).not.toMatch(/BEGIN|M[CIEF]/);
  });

  test('15.7 10 public keys are accepted', () => {
    expect(withoutSecret({ WAVEHALL_JWT_PUBLIC_KEY: EC_PEM.repeat(10) })).toBe('');
  });

  test('15.3 a file that is not there is refused by its error alone', () => {
    expect(withoutSecret({ WAVEHALL_JWT_PUBLIC_KEY: 'no-such.pem' })).toBe(
      'WAVEHALL_JWT_PUBLIC_KEY: expected PEM, or a file: ENOENT',
    );
  });

  test('15.3 a key set has an address, without a password', () => {
    const url = 'https://id.example/keys';
    const tokens = tokensOf({ WAVEHALL_CHANNEL_RULES: GOOD_RULES, WAVEHALL_JWT_JWKS_URL: url });
    expect(tokens?.keys).toEqual({
      kind: 'key-set',
      url: new URL(url),
      timeoutMs: 3000,
      cooldownMs: 30_000,
      maxAgeMs: 600_000,
    });
    expect(tokens?.checks.algorithms.filter((each) => each.startsWith('HS'))).toEqual([]);
    for (const bad of ['file:///etc/passwd', 'keys', 'https://a:marked@id.example/'])
      expect(withoutSecret({ WAVEHALL_JWT_JWKS_URL: bad })).toMatch(/^WAVEHALL_JWT_JWKS_URL="(?!.*marked)/);
  });

  test('15.1 keys of two kinds are refused: no token chooses between them', () => {
    expect(problemsOf({ WAVEHALL_JWT_PUBLIC_KEY: EC_PEM })).toBe(
      'WAVEHALL_JWT_SECRET, WAVEHALL_JWT_PUBLIC_KEY, WAVEHALL_JWT_JWKS_URL: expected one of them, not several',
    );
  });

  test('15.1 algorithms of another kind of key are refused, fewer of the same kind are accepted', () => {
    expect(tokensOf({ ...GOOD, WAVEHALL_JWT_ALGORITHMS: 'HS512' })?.checks.algorithms).toEqual(['HS512']);
    expect(problemsOf({ WAVEHALL_JWT_ALGORITHMS: 'HS256,RS256' })).toBe(
      'WAVEHALL_JWT_ALGORITHMS: expected some of HS256, HS384, HS512, which the keys are for, not RS256',
    );
    for (const bad of ['none', 'hs256', 'HS256;HS512'])
      expect(problemsOf({ WAVEHALL_JWT_ALGORITHMS: bad })).toContain(
        `WAVEHALL_JWT_ALGORITHMS="${bad}": expected some of`,
      );
  });
});

describe('rules of channels', () => {
  test('15.4 a key without rules, and rules without a key, are refused', () => {
    expect(problemsOf({ WAVEHALL_CHANNEL_RULES: '' })).toMatch(
      /^WAVEHALL_CHANNEL_RULES: expected a file of rules/,
    );
    expect(withoutSecret({})).toMatch(/^WAVEHALL_CHANNEL_RULES: expected a key of tokens too/);
  });

  test('15.4 errors of a file name the setting, the file, the rule and the field', () => {
    const bad = file(
      'bad.json',
      '{"rules":[{"channel":"private-a","allow":true},{"channel":"a","allow":true}]}',
    );
    expect(problemsOf({ WAVEHALL_CHANNEL_RULES: bad })).toBe(
      `WAVEHALL_CHANNEL_RULES="${bad}": rule 2, channel: expected the prefix of a signed channel, such as private- or presence-`,
    );
    expect(problemsOf({ WAVEHALL_CHANNEL_RULES: 'none.json' })).toContain('ENOENT');
    expect(problemsOf({ WAVEHALL_CHANNEL_RULES: folder })).toContain('EISDIR');
  });

  test('15.7 a file of 1 MiB is read, one of a byte more is not', () => {
    const text = (bytes: number): string => '{"rules":[]}'.padEnd(bytes, ' ');
    expect(problemsOf({ WAVEHALL_CHANNEL_RULES: file('most.json', text(RULES_BYTES)) })).toBe('');
    expect(problemsOf({ WAVEHALL_CHANNEL_RULES: file('more.json', text(RULES_BYTES + 1)) })).toContain(
      'expected at most 1048576 bytes',
    );
  });

  test('15.4 one app is that of the tokens; of several apps, the file names one that is configured', () => {
    expect(tokensOf(GOOD)?.app).toBe('app-id');
    expect(problemsOf({ WAVEHALL_APPS: APPS })).toContain(
      'expected the id of the app that the tokens are for',
    );
    const named = (app: string): string => file(`${app}.json`, `{"app":"${app}","rules":[]}`);
    expect(tokensOf({ ...GOOD, WAVEHALL_APPS: APPS, WAVEHALL_CHANNEL_RULES: named('b') })?.app).toBe('b');
    expect(problemsOf({ WAVEHALL_APPS: APPS, WAVEHALL_CHANNEL_RULES: named('c') })).toContain('not "c"');
  });

  test('15.4 channels without a rule are left to the app if there is one to ask, unless the file refuses them', () => {
    const rules = (otherwise: string): string =>
      file(`${otherwise}.json`, `{"otherwise":"${otherwise}","rules":[]}`);
    const upstream = { WAVEHALL_AUTH_UPSTREAM: 'http://127.0.0.1:8000' };
    expect(tokensOf(GOOD)?.asksOtherwise).toBe(false);
    expect(tokensOf({ ...GOOD, ...upstream })?.asksOtherwise).toBe(true);
    expect(tokensOf({ ...GOOD, ...upstream, WAVEHALL_CHANNEL_RULES: rules('refuse') })?.asksOtherwise).toBe(
      false,
    );
    expect(problemsOf({ WAVEHALL_CHANNEL_RULES: rules('ask') })).toContain(
      '"ask" needs WAVEHALL_AUTH_UPSTREAM',
    );
  });

  test('15.6 the sockets of expired tokens are closed only if that is set', () => {
    expect(tokensOf(GOOD)?.closesExpired).toBe(false);
    expect(tokensOf({ ...GOOD, WAVEHALL_JWT_EXPIRY: 'close' })?.closesExpired).toBe(true);
  });

  test('15.2 settings of tokens without a key are named as without effect', () => {
    expect(
      readConfig({ WAVEHALL_JWT_ISSUER: 'a', WAVEHALL_JWT_EXPIRY: 'close' }).warnings.map(
        (line) => line.split(' ')[0],
      ),
    ).toEqual(['WAVEHALL_JWT_ISSUER', 'WAVEHALL_JWT_EXPIRY']);
  });
});
