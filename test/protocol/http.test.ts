import { createHash } from 'node:crypto';
import fc from 'fast-check';
import Pusher from 'pusher';
import { expect, test } from 'vitest';
import {
  type Credential,
  hmacHex,
  parseQuery,
  readingsOf,
  signHttp,
  type SignedRequest,
  valuesOf,
  type VerifyOptions,
  verifyRequest,
} from '#protocol';
import vectors from '../../protocol/vectors/http.json' with { type: 'json' };

const { credential, prefix, timestampSeconds } = vectors;
const both: readonly Credential[] = [credential, vectors.secondCredential];
const options = { prefix, nowSeconds: timestampSeconds, windowSeconds: 600 };

/** Why it is refused; `undefined` when it is not. */
const refusalOf = (...given: [readonly Credential[], SignedRequest, VerifyOptions]) =>
  verifyRequest(...given).refusal;

interface Given {
  readonly method: string;
  readonly path: string;
  readonly rawQuery: string;
  readonly body: string;
}
const received = ({ method, path, rawQuery, body }: Given) => ({
  method,
  path,
  rawQuery,
  body: Buffer.from(body),
});

test.each(vectors.requests)('$rule $title', (vector) => {
  const { method, path, rawQuery, body } = vector;
  expect(refusalOf([credential], received(vector), options)).toBeUndefined();
  const given = new URLSearchParams(rawQuery);
  const query = Object.fromEntries([...given].filter(([name]) => !/^auth_|^body_md5$/.test(name)));
  const signed = new URLSearchParams(signHttp(credential, { method, path, query, body, timestampSeconds }));
  given.sort();
  signed.sort();
  expect(signed.toString()).toBe(given.toString());
});

test.each(vectors.readings)('$rule accepted: $title', (vector) => {
  expect(refusalOf(both, received(vector), options)).toBeUndefined();
});

test.each(vectors.refused)('$rule refused: $title', ({ message, ...vector }) => {
  expect(refusalOf([credential], received(vector), options)).toMatchObject({ status: 401, message });
});

test.each(vectors.times.cases)(
  '$rule signed and received $title',
  ({ nowSeconds, windowSeconds, message }) => {
    const vector = vectors.requests.find(({ title }) => title === vectors.times.request);
    if (!vector) throw new Error('no such request');
    const refusal = refusalOf([credential], received(vector), { prefix, nowSeconds, windowSeconds });
    if (message) expect(refusal).toMatchObject({ status: 401, message });
    else expect(refusal).toBeUndefined();
  },
);

test('8.2 without a window no timestamp is needed', () => {
  const query = `auth_key=${credential.key}&auth_version=1.0`;
  const signature = hmacHex(credential.secret, `GET\n/apps/3/connections\n${query}`);
  const rawQuery = `${query}&auth_signature=${signature}`;
  const request = received({ method: 'GET', path: '/apps/3/connections', rawQuery, body: '' });
  expect(refusalOf([credential], request, { ...options, windowSeconds: 0 })).toBeUndefined();
  expect(refusalOf([credential], request, options)).toBeDefined();
});

test.each(['', '/', '/rt', 'rt', 'rt/', '/rt/', '//rt//'])(
  '2.1 the prefix may be configured as "%s"',
  (configured) => {
    const inside = configured.includes('rt') ? '/rt/apps/3/connections' : '/apps/3/connections';
    const query = signHttp(credential, { method: 'GET', path: '/apps/3/connections', timestampSeconds });
    const request = { method: 'GET', path: inside, rawQuery: query, body: new Uint8Array() };
    expect(refusalOf([credential], request, { ...options, prefix: configured })).toBeUndefined();
    expect(refusalOf([credential], { ...request, path: `/other${inside}` }, options)).toBeDefined();
  },
);

test.each([
  { raw: '', name: 'info', value: undefined },
  { raw: 'info=a', name: 'info', value: 'a' },
  { raw: 'INFO=a', name: 'info', value: 'a' },
  { raw: 'info=a&info=b', name: 'info', value: 'b' },
  { raw: 'info[]=a&info[]=b', name: 'info', value: 'a,b' },
  { raw: 'info%5B0%5D=a&info%5B1%5D=b', name: 'info', value: 'a,b' },
  { raw: 'info=a&info[]=b', name: 'info', value: 'b' },
  { raw: 'info[]=a&info=b', name: 'info', value: 'b' },
  { raw: 'info[]=a&info=b&info[]=c', name: 'info', value: 'c' },
  { raw: 'info', name: 'info', value: '' },
  { raw: 'info=', name: 'info', value: '' },
  { raw: 'info=a=b', name: 'info', value: 'a=b' },
  { raw: 'info=a+b%2Bc', name: 'info', value: 'a b+c' },
  { raw: 'info=%', name: 'info', value: '%' },
  { raw: 'info=%41%zz%C3%A9', name: 'info', value: 'A%zzé' },
  { raw: 'info=%ff', name: 'info', value: '%ff' },
  { raw: '[]=a', name: '[]', value: 'a' },
  { raw: 'a]=b', name: 'a]', value: 'b' },
  { raw: '&&info=a&', name: 'info', value: 'a' },
  { raw: '=a', name: '', value: 'a' },
  { raw: '__proto__=a&constructor[]=b', name: '__proto__', value: 'a' },
  { raw: 'x=1', name: 'toString', value: undefined },
])('8.2 "$raw" has for "$name" the value $value', ({ raw, name, value }) => {
  const [usual] = readingsOf(raw);
  expect(valuesOf(parseQuery(raw), usual!).get(name)).toBe(value);
});

// --- against the official library ------------------------------------------------

const official = new Pusher({ appId: '3', host: 'localhost', ...credential });
// The library writes values into the URL as they are: what would end or split them cannot be sent with it.
const value = fc.string({ unit: 'grapheme' }).filter((text) => !/[&#%\p{Cc}]/u.test(text));
const RESERVED = /^(auth_|body_md5$|appid$|appkey$|channelname$)/;
const name = fc.stringMatching(/^[a-z][a-z_]{0,9}$/).filter((text) => !RESERVED.test(text));
const params = fc.dictionary(name, value, { maxKeys: 4, noNullPrototype: true });
const anyRequest = fc.record({
  method: fc.constantFrom('GET', 'POST'),
  path: fc.constantFrom('/apps/3/events', '/apps/3/channels/a@b;c', '/rt/apps/3/channels'),
  params,
  body: fc.option(fc.string({ unit: 'binary', minLength: 1 }), { nil: undefined }),
});

/** Request as it arrives when Node sends the library's URL. */
function sent(request: {
  method: string;
  path: string;
  params: Record<string, string>;
  body: string | undefined;
}) {
  const query = official.createSignedQueryString({ ...request, body: request.body ?? '' });
  const url = new URL(`http://localhost${request.path}?${query}`);
  const { method, body = '' } = request;
  return { method, path: url.pathname, rawQuery: url.search.slice(1), body: Buffer.from(body) };
}
const now = () => ({ ...options, nowSeconds: Math.floor(Date.now() / 1000) });

test('7.4 accepts requests that the official library signed', () => {
  fc.assert(
    fc.property(anyRequest, (request) => {
      expect(refusalOf([credential], sent(request), now())).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});

const flipped = (text: string, at: number): string => {
  const hex = '0123456789abcdef';
  const index = at % text.length;
  return (
    text.slice(0, index) + (hex[(hex.indexOf(text[index] ?? '') + 1) % 16] ?? '') + text.slice(index + 1)
  );
};

test('7.4 refuses a request that was changed after the official library signed it', () => {
  fc.assert(
    fc.property(anyRequest, fc.nat(), (request, at) => {
      const good = sent(request);
      const [query = '', signature = ''] = good.rawQuery.split('auth_signature=');
      const changed = [
        { ...good, method: good.method === 'GET' ? 'POST' : 'GET' },
        { ...good, path: `${good.path}x` },
        { ...good, body: Buffer.concat([good.body, Buffer.from(' ')]) },
        { ...good, rawQuery: `${good.rawQuery}&zzzzzzzzzzzzz=1` },
        { ...good, rawQuery: good.rawQuery.replace(/auth_timestamp=\d/, 'auth_timestamp=') },
        { ...good, rawQuery: `${query}auth_signature=${flipped(signature, at)}` },
      ];
      for (const request of changed)
        expect(refusalOf([credential], request, { ...now(), windowSeconds: 0 })).toMatchObject({
          status: 401,
          message: 'Authentication signature invalid.',
        });
    }),
    { numRuns: 200 },
  );
});

test('8.2 the order of query parameters does not matter', () => {
  const usual = fc.record({
    method: fc.constantFrom('POST', 'post', 'GET'),
    path: fc.constantFrom('/apps/3/events', '/rt/apps/3/events', '/apps/3/a%2Fb', '/apps/3/a\tb'),
    secret: fc.constantFrom(...both.map((each) => each.secret), 'another'),
    key: fc.constantFrom(...both.map((each) => each.key), 'another', 'a%62', ''),
    at: fc.integer({ min: timestampSeconds - 602, max: timestampSeconds + 602 }),
    version: fc.constantFrom('1.0', '1.0', '1.1'),
    body: fc.constantFrom('{}', 'x', ''),
    md5Of: fc.constantFrom('{}', 'x'),
    more: fc.constantFrom('', '', '&info=a', '&auth_key=b'),
  });
  const outcomes = new Set<string | undefined>();
  fc.assert(
    fc.property(usual, ({ method, path, secret, key, at, version, body, md5Of, more }) => {
      const md5 = createHash('md5').update(md5Of).digest('hex');
      const query = `auth_key=${key}&auth_timestamp=${at}&auth_version=${version}&body_md5=${md5}${more}`;
      const signature = hmacHex(secret, `${method.toUpperCase()}\n${path}\n${query}`);
      const verdict = (rawQuery: string) =>
        refusalOf(both, { method, path, rawQuery, body: Buffer.from(body) }, options);
      const answer = verdict(`${query}&auth_signature=${signature}`);
      expect(answer).toEqual(verdict(`auth_signature=${signature}&${query}`));
      outcomes.add(answer?.message.slice(0, 9));
    }),
    { numRuns: 2000 },
  );
  expect([...outcomes].sort()).toEqual(['Authentic', 'Timestamp', undefined]);
});

test('7.4 accepts its own signatures in every encoding', () => {
  const any = fc.string({ unit: 'binary' }).filter((text) => !/[&\p{Cc}]/u.test(text));
  const signed = { method: 'GET', path: '/apps/3/channels' };
  fc.assert(
    fc.property(fc.dictionary(name, any, { maxKeys: 4 }), fc.boolean(), (query, upperCase) => {
      const spelled = Object.fromEntries(
        Object.entries(query).map(([key, text]) => [upperCase ? key.toUpperCase() : key, text]),
      );
      const rawQuery = signHttp(credential, { ...signed, method: 'get', query: spelled, timestampSeconds });
      const request = { ...signed, rawQuery, body: new Uint8Array() };
      expect(refusalOf([credential], request, options)).toBeUndefined();
    }),
  );
});

test('7.4 every query is accepted or refused, without an exception', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.webPath(), (rawQuery, path) => {
      const request = { method: 'GET', path, rawQuery, body: new Uint8Array() };
      expect(refusalOf(both, request, options)).toMatchObject({ status: 401 });
    }),
  );
});

// --- one signature, one meaning ----------------------------------------------------

const PIECES = ['a', 'b', '+', ' ', '%', '%2B', '%20', '%252B', 'é', '%C3%A9', ','];
const meant = fc.array(fc.constantFrom(...PIECES), { maxLength: 6 }).map((pieces) => pieces.join(''));
const ASKED = { method: 'GET', path: '/apps/3/channels' };

const signedFor = (filter: string) => {
  const query = `auth_key=${credential.key}&auth_timestamp=${timestampSeconds}&filter_by_prefix=${filter}`;
  return hmacHex(credential.secret, `GET\n${ASKED.path}\n${query}`);
};
/** Value that the server acts upon when it arrives as `written`; `undefined`: refused. */
const understood = (signature: string, written: string) => {
  const rawQuery = `auth_key=${credential.key}&auth_timestamp=${timestampSeconds}&filter_by_prefix=${written}&auth_signature=${signature}`;
  const request = { ...ASKED, rawQuery, body: new Uint8Array() };
  const verdict = verifyRequest([credential], request, options);
  return verdict.refusal === undefined ? verdict.values.get('filter_by_prefix') : undefined;
};
/** Spellings of a value in a URL that an SDK, or a person who copies the request, may use. */
const spellings = (text: string): string[] => {
  const form = new URLSearchParams({ x: text }).toString().slice(2);
  return [
    text.replaceAll(' ', '%20'),
    text.replaceAll(' ', '+'),
    encodeURIComponent(text),
    form,
    form.replaceAll('+', '%20'),
    form.replaceAll('%2B', '+'),
    text.replaceAll('+', ' ').replaceAll(' ', '%20'),
    encodeURIComponent(encodeURIComponent(text)),
  ];
};

test.each([
  { signed: 'a+b', written: 'a+b', value: 'a+b' },
  { signed: 'a+b', written: 'a%2Bb', value: 'a+b' },
  { signed: 'a+b', written: 'a%20b', value: undefined },
  { signed: 'a b', written: 'a+b', value: 'a b' },
  { signed: 'a b', written: 'a%20b', value: 'a b' },
  { signed: 'a b', written: 'a%2Bb', value: undefined },
  { signed: 'a+b c', written: 'a+b%20c', value: 'a+b c' },
  { signed: 'a%2Bb', written: 'a%2Bb', value: 'a%2Bb' },
  { signed: 'a%2Bb', written: 'a%252Bb', value: 'a%2Bb' },
  { signed: 'a%2Bb', written: 'a+b', value: undefined },
])('7.4 signed as "$signed" and written as "$written" means $value', ({ signed, written, value }) => {
  expect(understood(signedFor(signed), written)).toBe(value);
});

test('7.4 a signature has one meaning in every spelling of its query', () => {
  let taken = 0;
  fc.assert(
    fc.property(meant, meant, (text, other) => {
      const signature = signedFor(text);
      for (const written of [...spellings(text), ...spellings(other)]) {
        const value = understood(signature, written);
        if (value !== undefined) taken += 1;
        expect([text, undefined]).toContain(value);
      }
    }),
    { numRuns: 2000 },
  );
  expect(taken).toBeGreaterThan(2000);
});

test('7.4 values from the usual SDKs are read as their callers gave them', () => {
  fc.assert(
    fc.property(meant, (text) => {
      const signature = signedFor(text);
      // PHP and Python encode, as a form or by RFC 3986.
      expect(understood(signature, encodeURIComponent(text))).toBe(text);
      expect(understood(signature, new URLSearchParams({ x: text }).toString().slice(2))).toBe(text);
    }),
    { numRuns: 500 },
  );
});

test('7.4 values from the official library are read as its caller gave them, or refused', () => {
  fc.assert(
    fc.property(meant, (text) => {
      const params = { filter_by_prefix: text };
      const request = sent({ ...ASKED, params, body: undefined });
      const verdict = verifyRequest([credential], request, now());
      const value = verdict.refusal === undefined ? verdict.values.get('filter_by_prefix') : undefined;
      // Beside an escape that is the caller's own, nothing tells those apart that Node writes for a space or a letter.
      const isMixed = /%[0-9a-f]{2}/i.test(text) && /[ é]/.test(text);
      expect(isMixed ? [text, undefined] : [text]).toContain(value);
    }),
    { numRuns: 500 },
  );
});

test('8.2 a key with a + is known, encoded or not', () => {
  const odd = { key: 'a+b', secret: 'secret' };
  const text = `auth_key=a+b&auth_timestamp=${timestampSeconds}`;
  const signature = hmacHex(odd.secret, `GET\n${ASKED.path}\n${text}`);
  for (const key of ['a+b', 'a%2Bb']) {
    const rawQuery = `auth_key=${key}&auth_timestamp=${timestampSeconds}&auth_signature=${signature}`;
    expect(refusalOf([odd], { ...ASKED, rawQuery, body: new Uint8Array() }, options)).toBeUndefined();
  }
});
