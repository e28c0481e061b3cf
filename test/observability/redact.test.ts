import { describe, expect, test } from 'vitest';
import { plain, presentable } from '../../src/observability/redact.ts';

const SECRET = 'hush-hush-hush';
const json = (value: unknown): string => JSON.stringify(value);

describe('what a log shows of a message', () => {
  test('1.1 shows a message as it is', () => {
    const message = json({ event: 'order.moved', channel: 'orders', user_id: '7', data: { id: 1, to: 'b' } });
    expect(presentable(message)).toBe(message);
  });

  test('1.2 shows data that is a string of JSON as JSON', () => {
    expect(presentable(json({ event: 'a', data: json({ b: [1, json({ c: 2 })] }) }))).toBe(
      json({ event: 'a', data: { b: [1, { c: 2 }] } }),
    );
  });

  test.each(['auth', 'auth_signature', 'secret', 'shared_secret', 'token', 'password', 'passphrase'])(
    '7.1 hides %s at any depth',
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
  ])('7.1 hides %s in an object, in nested JSON, in lists of headers and in text', (name) => {
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

  test('7.1 hides values that are recognised by their form, under any name', () => {
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

  test('7.1 shows names that only resemble secret ones', () => {
    const message = json({ data: { author: 'Ada', passenger: 'Bo', compass: 'N', key: 'k', id: 7 } });
    expect(presentable(message)).toBe(message);
  });

  test('7.2 hides the signature of a subscription, not its channel', () => {
    const data = { channel: 'private-a', auth: `key:${SECRET}`, channel_data: json({ user_id: 'u1' }) };
    expect(presentable(json({ event: 'pusher:subscribe', data }))).toBe(
      json({
        event: 'pusher:subscribe',
        data: { channel: 'private-a', auth: '[redacted]', channel_data: { user_id: 'u1' } },
      }),
    );
  });

  test('7.3 hides the signature of a sign-in', () => {
    const data = json({ auth: `key:${SECRET}`, user_data: json({ id: '7' }) });
    expect(presentable(json({ event: 'pusher:signin', data }))).not.toContain(SECRET);
  });

  test.each(['private-encrypted-a', 'private-encrypted-cache-a'])('7.7 hides data on %s', (channel) => {
    for (const data of [SECRET, { ciphertext: SECRET }, json({ ciphertext: SECRET, nonce: SECRET })]) {
      expect(presentable(json({ event: 'e', channel, data }))).toBe(
        json({ event: 'e', channel, data: '[redacted]' }),
      );
    }
  });

  test('7.7 shows data on a channel whose name only resembles an encrypted one', () => {
    const message = json({ event: 'e', channel: 'private-encrypte', data: 'open' });
    expect(presentable(message)).toBe(message);
  });

  test('2.11 truncates a long message', () => {
    const shown = presentable(json({ event: 'e', data: 'x'.repeat(5000) }));
    expect(shown).toHaveLength(201);
    expect(shown.endsWith('x…')).toBe(true);
  });

  test('7.1 shows only the size of a message that is too long to be parsed', () => {
    const padding = 'x'.repeat(70_000);
    const shown = presentable(json({ event: 'e', data: { auth: SECRET, padding } }));
    expect(shown).not.toContain(SECRET);
    expect(shown).toMatch(/^\(\d+ characters\)$/);
    const encrypted = json({ event: 'e', channel: 'private-encrypted-a', data: SECRET + padding });
    expect(presentable(encrypted)).not.toContain(SECRET);
  });

  test('7.1 shows text that is not JSON without its secrets', () => {
    expect(presentable('hello')).toBe('"hello"');
    const broken = `{"event":"pusher:subscribe","data":{"channel":"private-a","auth":"${SECRET}"`;
    expect(presentable(broken)).not.toContain(SECRET);
    expect(presentable(broken)).toContain('private-a');
    expect(presentable(json({ event: 'e', data: `{"auth": '${SECRET}'}` }))).not.toContain(SECRET);
    expect(presentable(`{"channel":"private-encrypted-a","data":"${SECRET}`)).not.toContain(SECRET);
  });

  test('1.5 limits depth and length of nested data', () => {
    let nested: unknown = { auth: SECRET };
    for (let depth = 0; depth < 2000; depth += 1) nested = [nested];
    expect(presentable(json(nested))).toBe('[[[[[["…"]]]]]]');
    expect(presentable(json(Array.from({ length: 1000 }, () => 1)))).toBe(
      json(Array.from({ length: 50 }, () => 1)),
    );
  });

  test('1.7 accepts any text', () => {
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
  ])('3.2 escapes %s', (_, given, shown) => {
    expect(plain(given)).toBe(shown);
  });

  test('3.2 keeps letters of any language', () => {
    expect(plain('café 漢字 Ω 😀 شكرا')).toBe('café 漢字 Ω 😀 شكرا');
  });

  test('3.2 truncates a name', () => {
    expect(plain('x'.repeat(10_000))).toHaveLength(256);
  });

  test('1.1 escapes them in a message too, inside texts and between them', () => {
    expect(presentable(json({ data: '\u001b[2J\u202e\u009b' }))).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(presentable('\u001b[2J\u202e\nfaked line')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});
