import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config/index.ts';
import { problemsIn } from './problems.ts';

type Variables = Record<string, string>;

const UPSTREAM = 'http://127.0.0.1:8081';

const problemsOf = (variables: Variables): readonly string[] => problemsIn(() => readConfig(variables));

describe('the other server', () => {
  test('11.1 without its address there is no cutover, whatever else is set', () => {
    expect(readConfig({ WAVEHALL_CUTOVER_PERCENT: '25' }).cutover).toBeUndefined();
  });

  test('11.1 its address enables the cutover, with every default', () => {
    expect(readConfig({ WAVEHALL_CUTOVER_UPSTREAM: UPSTREAM }).cutover).toEqual({
      upstream: { url: new URL(UPSTREAM), origin: undefined, tlsCa: undefined, tlsVerify: true },
      percent: 0,
      sticky: 'cookie',
      proxyHttp: true,
      idleMs: 300_000,
      requestBytes: 10_000,
      queue: { events: 10_000, bytes: 16_777_216, ageMs: 30_000 },
      watch: {
        windowMs: 20_000,
        samples: 5,
        connectShare: 0.1,
        subscribeShare: 0.2,
        apiShare: 0.05,
        lostShare: 0.1,
        latencyMs: 1000,
        loopMs: 500,
        breachMs: 10_000,
        goodMs: 60_000,
        canaryEveryMs: 1000,
        canaryTimeoutMs: 3000,
      },
      notifyUrl: undefined,
    });
  });

  test('11.7 the body limit of the upstream is REVERB_MAX_REQUEST_SIZE, unless its own setting is given', () => {
    const sizeWith = (env: Record<string, string>) =>
      readConfig({ WAVEHALL_CUTOVER_UPSTREAM: UPSTREAM, ...env }).cutover?.requestBytes;
    expect(sizeWith({ REVERB_MAX_REQUEST_SIZE: '50000' })).toBe(50_000);
    expect(sizeWith({ REVERB_MAX_REQUEST_SIZE: '50000', WAVEHALL_CUTOVER_MAX_REQUEST_SIZE: '0' })).toBe(0);
  });

  test.each(['reverb:8081', 'ws://127.0.0.1:8081', 'http://', '127.0.0.1:8081', 'http://a:70000'])(
    '11.17 WAVEHALL_CUTOVER_UPSTREAM=%s is refused, with the reason',
    (bad) => {
      expect(problemsOf({ WAVEHALL_CUTOVER_UPSTREAM: bad })).toEqual([
        `WAVEHALL_CUTOVER_UPSTREAM="${bad}": expected http://host:port or https://host:port, and no name, password, ? or # in it`,
      ]);
    },
  );

  test.each(['http://user:hush@a', 'http://a?b=c', 'https://a#b'])(
    '11.17 an address with a part that would be ignored is refused: %s',
    (bad) => {
      const [problem = ''] = problemsOf({ WAVEHALL_CUTOVER_UPSTREAM: bad });
      expect(problem).toContain('WAVEHALL_CUTOVER_UPSTREAM=');
      expect(problem).not.toContain('hush');
    },
  );

  test('11.17 certificates that cannot be read are a problem', () => {
    const [problem] = problemsOf({
      WAVEHALL_CUTOVER_UPSTREAM: 'https://a',
      WAVEHALL_CUTOVER_TLS_CA: '/nowhere.crt',
    });
    expect(problem).toMatch(/^WAVEHALL_CUTOVER_TLS_CA="\/nowhere\.crt": ENOENT/);
  });
});

describe('the percentage', () => {
  test.each(['0', '0.01', '1', '99.99', '100', '100.00'])('11.4 %s is a percentage', (good) => {
    const { cutover } = readConfig({
      WAVEHALL_CUTOVER_UPSTREAM: UPSTREAM,
      WAVEHALL_CUTOVER_PERCENT: good,
    });
    expect(cutover?.percent).toBe(Number(good));
  });

  test.each(['-1', '101', '100.01', '1.234', '25%', 'all', '1e1', '.5', '0x10'])(
    '11.17 WAVEHALL_CUTOVER_PERCENT=%s is refused',
    (bad) => {
      expect(problemsOf({ WAVEHALL_CUTOVER_PERCENT: bad })).toEqual([
        `WAVEHALL_CUTOVER_PERCENT="${bad}": expected a number from 0 to 100 with at most two decimals`,
      ]);
    },
  );
});

test.each(['example.com', 'https://a.b/', 'https://a.b/c', 'null://'])(
  '11.17 WAVEHALL_CUTOVER_ORIGIN=%s is no origin',
  (bad) => {
    expect(problemsOf({ WAVEHALL_CUTOVER_ORIGIN: bad })).toEqual([
      `WAVEHALL_CUTOVER_ORIGIN="${bad}": expected an origin such as https://example.com`,
    ]);
  },
);

test.each(['-1', '101', 'half'])('11.17 a threshold of %s percent is refused', (bad) => {
  expect(problemsOf({ WAVEHALL_CUTOVER_BREACH_API_PERCENT: bad })).toEqual([
    `WAVEHALL_CUTOVER_BREACH_API_PERCENT="${bad}": expected a number from 0 to 100`,
  ]);
});

test('11.17 WAVEHALL_CUTOVER_NOTIFY_URL wants an address over HTTP', () => {
  expect(problemsOf({ WAVEHALL_CUTOVER_NOTIFY_URL: 'mailto:a@b.c' })).toEqual([
    'WAVEHALL_CUTOVER_NOTIFY_URL="(not shown)@b.c": expected an http:// or https:// address',
  ]);
});

test('11.17 two apps with the same key are a problem that names where they come from', () => {
  const app = { key: 'k', secret: 's' };
  const apps = JSON.stringify([
    { app_id: '1', ...app },
    { app_id: '2', ...app },
  ]);
  expect(problemsOf({ WAVEHALL_CUTOVER_UPSTREAM: UPSTREAM, WAVEHALL_APPS: apps })).toEqual([
    'WAVEHALL_APPS: key "k": expected to be used by one app only',
  ]);
});
