import { describe, expect, test } from 'vitest';
import { plain, presentable } from '../../src/observability/redact.ts';

const SECRET = 'hush-hush-hush';
const json = (value: unknown): string => JSON.stringify(value);

describe('what a log shows of a message', () => {
  test('1.1 a message is shown as it is', () => {
    const message = json({ event: 'order.moved', channel: 'orders', user_id: '7', data: { id: 1, to: 'b' } });
    expect(presentable(message)).toBe(message);
  });

  test('1.2 data that is a string of JSON is shown opened', () => {
    expect(presentable(json({ event: 'a', data: json({ b: [1, json({ c: 2 })] }) }))).toBe(
      json({ event: 'a', data: { b: [1, { c: 2 }] } }),
    );
  });

  test.each(['auth', 'auth_signature', 'secret', 'shared_secret', 'token', 'password', 'passphrase'])(
    '7.1 %s is nobody’s business, at any depth',
    (key) => {
      const places: unknown[] = [
        { [key]: SECRET },
        { [key]: { inner: SECRET } },
        { [key]: [SECRET] },
        { event: 'e', data: { [key]: SECRET } },
        { event: 'e', data: json({ [key]: SECRET }) },
        { event: 'e', data: ` ${json({ [key]: SECRET })}` },
        { event: 'e', data: json({ channel_data: json({ user_info: { [key]: SECRET } }) }) },
        [{ [key]: SECRET }],
      ];
      for (const place of places) {
        expect(presentable(json(place))).not.toContain(SECRET);
        expect(presentable(json(place))).toContain('[redacted]');
      }
    },
  );

  test.each([
    'Authorization',
    'authorization',
    'Proxy-Authorization',
    'Cookie',
    'cookies',
    'Set-Cookie',
    'set_cookie',
    'X-Api-Key',
    'apiKey',
    'API_KEY',
    'access_token',
    'accessToken',
    'refresh_token',
    'X-CSRF-TOKEN',
    'client_secret',
    'clientSecret',
    'password_confirmation',
    'currentPassword',
    'PASSWD',
    'pwd',
    'private_key',
    'AWS_SECRET_ACCESS_KEY',
    'credentials',
    'sessionId',
    'jwt',
    'X-XSRF-TOKEN',
    'Bearer',
  ])('7.1 %s is hidden in an object, in nested JSON, in lists of headers and in text', (name) => {
    for (const place of [
      { headers: { [name]: SECRET } },
      { data: json({ headers: json({ [name]: SECRET }) }) },
      { headers: [[name, SECRET]] },
      { rawHeaders: ['Host', 'a', name, SECRET] },
      { headers: [{ name, value: SECRET }] },
      { data: `${name}: ${SECRET}` },
      { data: `a=b&${name}=${SECRET}&c=d` },
      { data: `{"${name}": "${SECRET}` },
    ])
      expect(presentable(json(place))).not.toContain(SECRET);
  });

  test('7.1 values that give themselves away are hidden under any name', () => {
    const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_DEF-123';
    for (const text of [
      `Bearer ${SECRET}`,
      `bearer ${SECRET}`,
      `Basic ${SECRET}`,
      `redis://me:${SECRET}@host`,
      `x ${jwt} y`,
    ]) {
      const shown = presentable(json({ event: 'e', data: { note: text } }));
      expect(shown).not.toContain(SECRET);
      expect(shown).not.toContain(jwt);
    }
    const cookies = presentable(json({ data: `Cookie: a=${SECRET}; b=${SECRET}` }));
    expect(cookies).not.toContain(SECRET);
  });

  test('7.1 names that only look like it are shown', () => {
    const message = json({ data: { author: 'Ada', passenger: 'Bo', compass: 'N', key: 'k', id: 7 } });
    expect(presentable(message)).toBe(message);
  });

  test('7.2 the signature of a subscription is hidden, its channel is not', () => {
    const data = { channel: 'private-a', auth: `key:${SECRET}`, channel_data: json({ user_id: 'u1' }) };
    expect(presentable(json({ event: 'pusher:subscribe', data }))).toBe(
      json({
        event: 'pusher:subscribe',
        data: { channel: 'private-a', auth: '[redacted]', channel_data: { user_id: 'u1' } },
      }),
    );
  });

  test('7.3 the signature of a sign-in is hidden', () => {
    const data = json({ auth: `key:${SECRET}`, user_data: json({ id: '7' }) });
    expect(presentable(json({ event: 'pusher:signin', data }))).not.toContain(SECRET);
  });

  test.each(['private-encrypted-a', 'private-encrypted-cache-a'])('7.7 data on %s is hidden', (channel) => {
    for (const data of [SECRET, { ciphertext: SECRET }, json({ ciphertext: SECRET, nonce: SECRET })]) {
      expect(presentable(json({ event: 'e', channel, data }))).toBe(
        json({ event: 'e', channel, data: '[redacted]' }),
      );
    }
  });

  test('7.7 data on a channel that only looks like it is shown', () => {
    const message = json({ event: 'e', channel: 'private-encrypte', data: 'open' });
    expect(presentable(message)).toBe(message);
  });

  test('2.11 a long message is cut', () => {
    const shown = presentable(json({ event: 'e', data: 'x'.repeat(5000) }));
    expect(shown).toHaveLength(201);
    expect(shown.endsWith('x…')).toBe(true);
  });

  test('7.1 a message too long to be looked into is not shown at all', () => {
    const padding = 'x'.repeat(70_000);
    const shown = presentable(json({ event: 'e', data: { auth: SECRET, padding } }));
    expect(shown).not.toContain(SECRET);
    expect(shown).toMatch(/^\(\d+ characters\)$/);
    const encrypted = json({ event: 'e', channel: 'private-encrypted-a', data: SECRET + padding });
    expect(presentable(encrypted)).not.toContain(SECRET);
  });

  test('7.1 what is no JSON is shown, but not its secrets', () => {
    expect(presentable('hello')).toBe('"hello"');
    const broken = `{"event":"pusher:subscribe","data":{"channel":"private-a","auth":"${SECRET}"`;
    expect(presentable(broken)).not.toContain(SECRET);
    expect(presentable(broken)).toContain('private-a');
    expect(presentable(json({ event: 'e', data: `{"auth": '${SECRET}'}` }))).not.toContain(SECRET);
    expect(presentable(`{"channel":"private-encrypted-a","data":"${SECRET}`)).not.toContain(SECRET);
  });

  test('1.5 depth and length of nested data are bounded', () => {
    let nested: unknown = { auth: SECRET };
    for (let depth = 0; depth < 2000; depth += 1) nested = [nested];
    expect(presentable(json(nested))).toBe('[[[[[["…"]]]]]]');
    expect(presentable(json(Array.from({ length: 1000 }, () => 1)))).toBe(
      json(Array.from({ length: 50 }, () => 1)),
    );
  });

  test('1.7 no text breaks it', () => {
    for (const text of ['', 'null', '7', '"a"', '[]', '{"__proto__":{"a":1}}', '\ud800', '{"a":"\\ud800"}']) {
      expect(typeof presentable(text)).toBe('string');
    }
  });
});

describe('control characters', () => {
  test.each([
    ['a line feed', 'a\nb', 'a\\u000ab'],
    ['a carriage return', 'a\rb', 'a\\u000db'],
    ['an escape sequence', '\u001b[31mred', '\\u001b[31mred'],
    ['a bell and a backspace', '\u0007\b', '\\u0007\\u0008'],
    ['DEL', '\u007f', '\\u007f'],
    ['a C1 control (CSI)', '\u009b31m', '\\u009b31m'],
    ['text turned round', 'a\u202eb\u2066c', 'a\\u202eb\\u2066c'],
    ['marks of direction', '\u200e\u200f\u061c', '\\u200e\\u200f\\u061c'],
    ['nothing visible', '\u200b\u2060\ufeff', '\\u200b\\u2060\\ufeff'],
    ['lines of Unicode', '\u2028\u2029', '\\u2028\\u2029'],
    ['invisible tags', '\u{e0041}', '\\ue0041'],
  ])('3.2 %s is written out', (_, given, shown) => {
    expect(plain(given)).toBe(shown);
  });

  test('3.2 letters of any language stay', () => {
    expect(plain('café 漢字 Ω 😀 شكرا')).toBe('café 漢字 Ω 😀 شكرا');
  });

  test('3.2 a name is cut', () => {
    expect(plain('x'.repeat(10_000))).toHaveLength(256);
  });

  test('1.1 in a message too, inside texts and between them', () => {
    expect(presentable(json({ data: '\u001b[2J\u202e\u009b' }))).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(presentable('\u001b[2J\u202e\nfaked line')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});
