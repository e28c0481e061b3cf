import { describe, expect, test } from 'vitest';
import { type SplitInput, chooseBucket, sideOf } from '../../src/cutover/split/split.ts';

const BROWSERS = 10_000;
const STEPS = [0, 0.5, 1, 5, 25, 50, 75, 99.5, 100];
/** Five standard deviations: a fair split is outside once in two million runs. */
const tolerance = (percent: number): number =>
  5 * Math.sqrt(BROWSERS * (percent / 100) * (1 - percent / 100)) + 1e-9;

const inputOf = (changes: Partial<SplitInput> = {}): SplitInput => ({
  client: { address: '192.0.2.1', secure: false, viaProxy: false },
  cookie: undefined,
  origin: 'https://example.com',
  userAgent: 'Mozilla/5.0',
  ...changes,
});

/** A browser that keeps its cookie. */
class CookieBrowser {
  cookie: string | undefined;

  side(percent: number): string {
    const { bucket, cookieLine } = chooseBucket('cookie', inputOf({ cookie: this.cookie }));
    if (cookieLine !== undefined)
      this.cookie = `a=b; ${/wavehall_bucket=\d+/.exec(cookieLine)?.[0] ?? ''}; c=d`;
    return sideOf(bucket, percent);
  }
}

/** A client whose bucket is chosen by its address. */
class AddressBrowser {
  readonly #address: string;
  constructor(number: number) {
    this.#address = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
  }

  side(percent: number): string {
    const client = { address: this.#address, secure: false, viaProxy: true };
    return sideOf(chooseBucket('address', inputOf({ client })).bucket, percent);
  }
}

describe.each([
  { sticky: 'cookie', browser: () => new CookieBrowser() },
  { sticky: 'address', browser: (number: number) => new AddressBrowser(number) },
])('10,000 browsers, sticky by $sticky', ({ browser }) => {
  test('11.1 each step has its share, and no browser moves back while the percentage rises', () => {
    const browsers = Array.from({ length: BROWSERS }, (_, number) => browser(number));
    let before = browsers.map(() => 'upstream');
    for (const percent of STEPS) {
      const now = browsers.map((each) => each.side(percent));
      const share = now.filter((side) => side === 'wavehall').length;
      expect(Math.abs(share - (BROWSERS * percent) / 100)).toBeLessThanOrEqual(tolerance(percent));
      expect(before.filter((side, at) => side === 'wavehall' && now[at] === 'upstream')).toEqual([]);
      expect(browsers.map((each) => each.side(percent))).toEqual(now);
      before = now;
    }
  });

  test('11.1 while the percentage falls, no browser moves to Wavehall', () => {
    const browsers = Array.from({ length: BROWSERS }, (_, number) => browser(number));
    let before = browsers.map((each) => each.side(100));
    for (const percent of [...STEPS].reverse()) {
      const now = browsers.map((each) => each.side(percent));
      expect(before.filter((side, at) => side === 'upstream' && now[at] === 'wavehall')).toEqual([]);
      before = now;
    }
  });
});

describe('the bucket', () => {
  test('11.1 buckets below the share belong to Wavehall, all others to the upstream', () => {
    expect(sideOf(0, 0)).toBe('upstream');
    expect(sideOf(9999, 100)).toBe('wavehall');
    expect([sideOf(0, 0.01), sideOf(1, 0.01)]).toEqual(['wavehall', 'upstream']);
    expect([sideOf(2499, 25), sideOf(2500, 25)]).toEqual(['wavehall', 'upstream']);
    // 0.29 × 100 is a little less than 29.
    expect([sideOf(28, 0.29), sideOf(29, 0.29)]).toEqual(['wavehall', 'upstream']);
  });

  test.each([
    ['wavehall_bucket=7', 7],
    ['wavehall_bucket=0', 0],
    ['a=1;wavehall_bucket=9999', 9999],
    ['a=1; wavehall_bucket=42 ; b=2', 42],
  ])('11.1 is kept in the cookie: %s', (cookie, bucket) => {
    expect(chooseBucket('cookie', inputOf({ cookie }))).toEqual({ bucket, cookieLine: undefined });
  });

  test.each([
    'wavehall_bucket=',
    'wavehall_bucket=-1',
    'wavehall_bucket=10000',
    'xwavehall_bucket=7',
    'wavehall_bucket=7x',
  ])('11.1 an invalid bucket cookie is replaced: %s', (cookie) => {
    const { bucket, cookieLine } = chooseBucket('cookie', inputOf({ cookie }));
    expect(cookieLine).toContain(`wavehall_bucket=${bucket};`);
  });

  test('11.1 the cookie is SameSite=None and Secure with TLS, and SameSite=Lax without', () => {
    const lineOf = (secure: boolean) =>
      chooseBucket('cookie', inputOf({ client: { address: 'a', secure, viaProxy: true } })).cookieLine;
    expect(lineOf(true)).toMatch(
      /^Set-Cookie: wavehall_bucket=\d+; Path=\/; Max-Age=2592000; HttpOnly; SameSite=None; Secure$/,
    );
    expect(lineOf(false)).toMatch(
      /^Set-Cookie: wavehall_bucket=\d+; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Lax$/,
    );
  });

  test('11.1 a client without an origin gets no cookie; a cookie that it sends is used', () => {
    const app = inputOf({ origin: undefined, userAgent: 'okhttp/4' });
    expect(chooseBucket('cookie', app).cookieLine).toBeUndefined();
    const withCookie = { ...app, cookie: 'wavehall_bucket=42' };
    expect(chooseBucket('cookie', withCookie)).toEqual({ bucket: 42, cookieLine: undefined });
  });

  test('11.1 10,000 phones of one model behind one address have their share at each step', () => {
    const phone = inputOf({ origin: undefined, userAgent: 'okhttp/4' });
    for (const percent of STEPS) {
      const sides = Array.from({ length: BROWSERS }, () =>
        sideOf(chooseBucket('cookie', phone).bucket, percent),
      );
      const share = sides.filter((side) => side === 'wavehall').length;
      expect(Math.abs(share - (BROWSERS * percent) / 100), `${percent} %`).toBeLessThanOrEqual(
        tolerance(percent),
      );
    }
  });

  test('11.1 a page keeps the bucket of its first answer, whatever phones at its address do', () => {
    const browsers = Array.from({ length: 1000 }, () => new CookieBrowser());
    const before = browsers.map((each) => each.side(50));
    for (let at = 0; at < 1000; at += 1) chooseBucket('cookie', inputOf({ origin: undefined }));
    expect(browsers.map((each) => each.side(50))).toEqual(before);
  });

  test('11.1 by address no cookie is set or read', () => {
    const [one, other] = [inputOf(), inputOf({ cookie: 'wavehall_bucket=7' })].map((input) =>
      chooseBucket('address', input),
    );
    expect(one).toEqual(other);
    expect(one?.cookieLine).toBeUndefined();
  });
});
