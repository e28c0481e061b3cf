import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KeyObject } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { PUBLIC_ALGORITHMS } from '../../../src/auth/tokens/algorithms.ts';
import { KEY_SET_BYTES, MOST_KEYS } from '../../../src/auth/tokens/key-set.ts';
import {
  CLAIMS,
  ecKeys,
  edKeys,
  forge,
  issue,
  openTestTokens,
  part,
  rsaKeys,
  type TokenChanges,
} from './issuer.ts';

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

type Answer = (response: ServerResponse) => void;

/** A key server whose answer a test changes. */
async function startKeyServer() {
  const site = {
    requests: 0,
    paths: [] as string[],
    answer: ((response) => response.end('{"keys":[]}')) as Answer,
  };
  const server = createServer((request, response) => {
    site.requests += 1;
    site.paths.push(request.url ?? '');
    site.answer(response);
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`);
  return Object.assign(site, {
    url,
    serve: (...keys: readonly object[]) =>
      (site.answer = (response) => void response.end(JSON.stringify({ keys }))),
  });
}

interface Signer {
  readonly alg: string;
  readonly kid: string | undefined;
  readonly privateKey: KeyObject;
  readonly publicJwk: object;
}
function signerOf(pair: { publicKey: KeyObject; privateKey: KeyObject }, alg: string, kid?: string): Signer {
  const publicJwk = { ...pair.publicKey.export({ format: 'jwk' }), ...(kid && { kid }) };
  return { alg, kid, privateKey: pair.privateKey, publicJwk };
}
const tokenBy = ({ alg, kid, privateKey }: Signer): Promise<string> =>
  issue(CLAIMS, privateKey, { alg, ...(kid !== undefined && { kid }) });

const first = signerOf(rsaKeys(), 'RS256', 'first');
const second = signerOf(ecKeys(), 'ES256', 'second');
const third = signerOf(edKeys(), 'EdDSA', 'third');

type KeyServer = Awaited<ReturnType<typeof startKeyServer>>;
const openWith = (
  { url }: Pick<KeyServer, 'url'>,
  changes: TokenChanges & { readonly timeoutMs?: number } = {},
) => {
  const { timeoutMs = 5000, ...others } = changes;
  return openTestTokens({
    keys: { kind: 'key-set', url, timeoutMs, cooldownMs: 30_000, maxAgeMs: 600_000 },
    checks: { algorithms: PUBLIC_ALGORITHMS },
    ...others,
  });
};
type Opened = ReturnType<typeof openWith>;
const fetchesOf = ({ metrics }: Opened): object =>
  Object.fromEntries(
    [...(metrics.find(({ name }) => name === 'wavehall_token_key_fetches_total')?.values() ?? [])].map(
      ([[outcome = ''], count]) => [outcome, count],
    ),
  );

describe('a key set', () => {
  test('15.3 is fetched once, at the start, and verifies tokens of each of its keys', async () => {
    const site = await startKeyServer();
    site.serve(first.publicJwk, second.publicJwk, third.publicJwk);
    const opened = openWith(site);
    const results = await Promise.all(
      [first, second, third].map(async (each) => opened.faultOf(await tokenBy(each))),
    );
    expect(results).toEqual(['valid', 'valid', 'valid']);
    expect(site.requests).toBe(1);
  });

  test('15.3 without kid, each key for the algorithm is tried', async () => {
    const site = await startKeyServer();
    const [a, b] = [signerOf(rsaKeys(), 'RS256'), signerOf(rsaKeys(), 'PS256')];
    site.serve(a.publicJwk, b.publicJwk, second.publicJwk);
    const { faultOf } = openWith(site);
    expect([await faultOf(await tokenBy(a)), await faultOf(await tokenBy(b))]).toEqual(['valid', 'valid']);
    const other = signerOf(rsaKeys(), 'RS256');
    expect(await faultOf(await tokenBy(other))).toBe('signature');
  });

  test('15.3 a new key is found by its kid, a removed one is refused; tokens of the kept one go on', async () => {
    const site = await startKeyServer();
    site.serve(first.publicJwk, second.publicJwk);
    const opened = openWith(site);
    expect(await opened.faultOf(await tokenBy(first))).toBe('valid');
    site.serve(second.publicJwk, third.publicJwk);
    opened.clock.nowMs += 29_999;
    expect(await opened.faultOf(await tokenBy(third))).toBe('unknown_key');
    expect(site.requests).toBe(1);
    opened.clock.nowMs += 1;
    expect(await opened.faultOf(await tokenBy(third))).toBe('valid');
    expect(await opened.faultOf(await tokenBy(second))).toBe('valid');
    expect(await opened.faultOf(await tokenBy(first))).toBe('unknown_key');
    expect(site.requests).toBe(2);
  });

  test('15.3 a thousand tokens of unknown keys are one fetch in the cool-down, and known tokens do not wait', async () => {
    const site = await startKeyServer();
    site.serve(first.publicJwk);
    const opened = openWith(site);
    await opened.faultOf(await tokenBy(first));
    opened.clock.nowMs += 30_000;
    const waiting: ServerResponse[] = [];
    site.answer = (response) => void waiting.push(response);
    const forged = Array.from({ length: 1000 }, (_, at) =>
      opened.faultOf(forge({ alg: 'RS256', kid: `unknown-${at}` })),
    );
    await expect.poll(() => waiting.length).toBe(1);
    expect(await opened.faultOf(await tokenBy(first))).toBe('valid');
    waiting[0]?.end(JSON.stringify({ keys: [first.publicJwk] }));
    expect(new Set(await Promise.all(forged))).toEqual(new Set(['unknown_key']));
    expect(await opened.faultOf(forge({ alg: 'RS256', kid: 'one-more' }))).toBe('unknown_key');
    expect(site.requests).toBe(2);
  });

  test('15.3 an old set is used on while it is fetched again', async () => {
    const site = await startKeyServer();
    site.serve(first.publicJwk);
    const opened = openWith(site);
    const token = await tokenBy(first);
    await opened.faultOf(token);
    opened.clock.nowMs += 599_999;
    expect(await opened.faultOf(token)).toBe('valid');
    expect(site.requests).toBe(1);
    site.answer = () => undefined;
    opened.clock.nowMs += 1;
    expect(await opened.faultOf(token)).toBe('valid');
    await expect.poll(() => site.requests).toBe(2);
  });
});

/** Answers that are no key set. */
const BROKEN: readonly (readonly [title: string, answer: Answer])[] = [
  ['503', (response) => response.writeHead(503).end()],
  [
    'a key set with status 203',
    (response) => response.writeHead(203).end(JSON.stringify({ keys: [second.publicJwk] })),
  ],
  ['no JSON', (response) => response.end('<html>')],
  ['a list', (response) => response.end(JSON.stringify([second.publicJwk]))],
  ['an empty set', (response) => response.end('{"keys":[]}')],
  ['keys that are no objects', (response) => response.end('{"keys":[7]}')],
  ['a closed connection', (response) => response.socket?.destroy()],
  [
    'half of an answer',
    (response) =>
      void response
        .writeHead(200, { 'content-length': '9000' })
        .write('{"keys":[', () => response.socket?.destroy()),
  ],
  [
    `${MOST_KEYS + 1} keys`,
    (response) =>
      response.end(JSON.stringify({ keys: Array.from({ length: MOST_KEYS + 1 }, () => second.publicJwk) })),
  ],
  ['one byte too many', (response) => response.end(padded(KEY_SET_BYTES + 1))],
  ['an answer without an end', (response) => endless(response)],
];

/** A good key set of exactly this size. */
function padded(bytes: number): string {
  const text = JSON.stringify({ keys: [second.publicJwk] });
  return `${text.slice(0, -1)}${' '.repeat(bytes - text.length)}}`;
}

function endless(response: ServerResponse): void {
  const more = (): void => {
    if (!response.destroyed) response.write(' '.repeat(65_536), more);
  };
  more();
}

describe('a key server that does not give a key set', () => {
  test.each(BROKEN)(
    '15.3 %s: the known keys go on, and the log says it without the answer',
    async (_, answer) => {
      const site = await startKeyServer();
      site.serve(first.publicJwk);
      const opened = openWith(site);
      expect(await opened.faultOf(await tokenBy(first))).toBe('valid');
      site.answer = answer;
      opened.clock.nowMs += 30_000;
      expect(await opened.faultOf(await tokenBy(second))).toBe('unknown_key');
      expect(await opened.faultOf(await tokenBy(first))).toBe('valid');
      expect(fetchesOf(opened)).toEqual({ ok: 1, failed: 1 });
      expect(opened.logger.warnings).toHaveLength(1);
      expect(JSON.stringify(opened.logger.warnings)).not.toMatch(/html|"kty"/);
    },
  );

  test('15.3 a redirect is not followed', async () => {
    const other = await startKeyServer();
    other.serve(second.publicJwk);
    const site = await startKeyServer();
    site.answer = (response) => response.writeHead(302, { location: other.url.href }).end();
    const { faultOf } = openWith(site);
    expect(await faultOf(await tokenBy(second))).toBe('keys_unavailable');
    expect([site.requests, other.requests]).toEqual([1, 0]);
  });

  test('15.3 no answer in time', async () => {
    const site = await startKeyServer();
    site.answer = () => undefined;
    const { faultOf, logger } = openWith(site, { timeoutMs: 100 });
    expect(await faultOf(await tokenBy(first))).toBe('keys_unavailable');
    expect(JSON.stringify(logger.warnings)).toContain('no answer in 100 ms');
  });

  test('15.3 away from the start: tokens are neither accepted nor wrong, and it is asked once in the cool-down', async () => {
    const site = await startKeyServer();
    site.answer = (response) => response.writeHead(500).end();
    const opened = openWith(site);
    const token = await tokenBy(first);
    for (let at = 0; at < 5; at += 1) expect(await opened.faultOf(token)).toBe('keys_unavailable');
    expect(site.requests).toBe(1);
    site.serve(first.publicJwk);
    opened.clock.nowMs += 30_000;
    expect(await opened.faultOf(token)).toBe('valid');
  });

  test('15.7 a set of the most keys and of the most bytes is read', async () => {
    const site = await startKeyServer();
    const others = Array.from({ length: MOST_KEYS - 1 }, (_, at) => ({ ...first.publicJwk, kid: `${at}` }));
    site.serve(...others, second.publicJwk);
    expect(await openWith(site).faultOf(await tokenBy(second))).toBe('valid');
    site.answer = (response) => response.end(padded(KEY_SET_BYTES));
    expect(await openWith(site).faultOf(await tokenBy(second))).toBe('valid');
  });

  test.each([
    ['a secret', { kty: 'oct', k: part('a secret that everybody can read here'), kid: 'first' }],
    ['a key for encryption', { ...first.publicJwk, use: 'enc' }],
    ['a key that may not verify', { ...first.publicJwk, key_ops: ['encrypt'] }],
    ['a key for another algorithm', { ...first.publicJwk, alg: 'RS512' }],
    ['a key without a modulus', { kty: 'RSA', e: 'AQAB', kid: 'first' }],
  ])('15.3 %s in the set verifies nothing', async (_, jwk) => {
    const site = await startKeyServer();
    site.serve(jwk, second.publicJwk);
    const { faultOf } = openWith(site);
    expect(await faultOf(await tokenBy(first))).not.toBe('valid');
    expect(
      await faultOf(forge({ alg: 'HS256', kid: 'first' }, CLAIMS, 'a secret that everybody can read here')),
    ).toBe('algorithm');
    expect(await faultOf(await tokenBy(second))).toBe('valid');
  });
});
