import { describe, expect, test } from 'vitest';
import { originAllowed } from '../../src/core/client/origin.ts';
import { dataOf, openCore, settled, testApp } from './fakes.ts';

/** First frame to a page of that origin, from an app that allows only its own pages. */
async function visit(allowedOrigins: readonly string[], origin: string | undefined) {
  const site = openCore({ apps: [testApp({ allowedOrigins })] });
  const client = await site.connect({ origin });
  return { site, client };
}

const FOREIGN: readonly (readonly [allowed: readonly string[], origin: string | undefined, why: string])[] = [
  [['app.test'], undefined, 'no Origin'],
  [['app.test'], '', 'an empty Origin'],
  [['app.test'], 'null', 'a sandboxed page'],
  [['app.test'], 'app.test', 'no scheme'],
  [['app.test'], '//app.test', 'no scheme but slashes'],
  [['app.test'], 'https://', 'no host'],
  [['app.test'], 'https:///app.test@evil.test', 'a host behind a sign-in name'],
  [['app.test'], 'https://evil.test', 'another site'],
  [['app.test'], 'https://evil-app.test', 'a longer first label'],
  [['app.test'], 'https://evilapp.test', 'a longer name'],
  [['app.test'], 'https://app.test.evil.test', 'the name as somebody else’s subdomain'],
  [['app.test'], 'https://app.testevil', 'a longer last label'],
  [['app.test'], 'https://www.app.test', 'a subdomain that was not allowed'],
  [['app.test'], 'https://app.test.', 'a dot at the end'],
  [['app.test'], 'https://evil.test/app.test', 'the name in the path'],
  [['app.test'], 'https://evil.test?app.test', 'the name in the query'],
  [['app.test'], 'https://evil.test#app.test', 'the name behind #'],
  [['app.test'], 'https://app.test@evil.test', 'the name as a user'],
  [['app.test'], 'https://evil.test:443@app.test.evil.test', 'a port as a user'],
  [['app.test'], 'https://app.test, https://evil.test', 'two origins'],
  [['app.test'], 'https://аpp.test', 'a Cyrillic letter that looks the same'],
  [['app.test'], 'data:text/html,app.test', 'a data page'],
  [['app.test'], 'javascript:app.test', 'a script'],
  [['app.test'], 'file:///app.test', 'a file'],
  [['app.test'], 'https://127.0.0.1', 'an address'],
  [['*.app.test'], 'https://xapp.test', 'a longer name instead of a subdomain'],
  [['*.app.test'], 'https://app.test', 'the name without a subdomain'],
  [['*.app.test'], 'https://a.app.test.evil.test', 'more behind the pattern'],
  [['app.*'], 'https://evil-app.test', 'more before the pattern'],
  [['app.test.'], 'https://app.test', 'an entry with a dot at the end'],
  [['a*b*c.test'], 'https://acb.test', 'the parts of the pattern in another order'],
  [['a*b*b.test'], 'https://ab.test', 'one part for two of the pattern'],
  [['a*b*c.test'], 'https://axc.test', 'a part of the pattern missing'],
  [['https://app.test'], 'http://app.test', 'the other scheme'],
  [['https://app.test'], 'https://app.test:8443', 'another port'],
  [['https://app.test:8443'], 'https://app.test', 'no port'],
  [['https://*.app.test'], 'https://evil.test/.app.test', 'the pattern in the path'],
  [['a', 'b', 'app.test'], 'https://c', 'none of several'],
  [[], 'https://app.test', 'an empty list'],
];

const OWN: readonly (readonly [allowed: readonly string[], origin: string | undefined])[] = [
  [['*'], undefined],
  [['*'], 'null'],
  [['*'], 'https://evil.test'],
  [['evil.test', '*'], 'https://app.test'],
  [['app.test'], 'https://app.test'],
  [['app.test'], 'http://app.test:8000'],
  [['App.Test'], 'https://app.test'],
  [['app.test'], 'HTTPS://APP.TEST'],
  [['other.test', 'app.test'], 'https://app.test'],
  [['*.app.test'], 'https://a.b.app.test'],
  [['a*b*c.test'], 'https://abc.test'],
  [['a*b*c.test'], 'https://a-b-b-c.test'],
  [['*a*'], 'https://x-a-y.test'],
  [['xn--bcher-kva.test'], 'https://bücher.test'],
  [['localhost'], 'http://localhost:5173'],
  [['[::1]'], 'http://[::1]:5173'],
  [['https://app.test'], 'https://app.test:443'],
  [['https://app.test:8443'], 'https://app.test:8443'],
  [['https://*.app.test'], 'https://a.app.test'],
  [['capacitor://localhost'], 'capacitor://localhost'],
];

describe('origins', () => {
  test.each(FOREIGN)('2.6 with %j allowed, %j is refused: %s', async (allowed, origin) => {
    const { site, client } = await visit(allowed, origin);
    expect(client.frames).toEqual([
      { event: 'pusher:error', data: { code: 4009, message: 'Origin not allowed' } },
    ]);
    expect(client.socket.closed).toEqual({ code: 4009, reason: 'Origin not allowed' });
    expect(site.hub.size).toBe(0);
  });

  test.each(OWN)('2.6 with %j allowed, %j is welcome', async (allowed, origin) => {
    const { client } = await visit(allowed, origin);
    expect(client.eventNames).toEqual(['pusher:connection_established']);
    expect(client.socket.closed).toBeUndefined();
  });

  test('2.6 messages of a refused page are ignored, even while its socket is still closing', async () => {
    const { site, client } = await visit(['app.test'], 'https://evil.test');
    client.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
    client.send({ event: 'pusher:ping', data: {} });
    await settled();
    expect(client.frames).toHaveLength(1);
    expect(await site.stores.membership.channels('app-id', '')).toEqual(new Map());
  });

  test('2.6 an origin gets the same answer however often it was asked', () => {
    const answers = Array.from({ length: 20_000 }, () =>
      originAllowed(['bücher.test', 'xn--bcher-kva.test'], 'https://bücher.test'),
    );
    expect(new Set(answers)).toEqual(new Set([true]));
  });

  test('2.6 each app has its own list', async () => {
    const open = testApp({ allowedOrigins: ['*'] });
    const strict = testApp({
      id: 'strict',
      credentials: [{ key: 'strict-key', secret: 's' }],
      allowedOrigins: ['app.test'],
    });
    const site = openCore({ apps: [open, strict] });
    const origin = 'https://evil.test';
    expect((await site.connect({ origin })).eventNames).toEqual(['pusher:connection_established']);
    const refused = await site.connect({ origin, appKey: 'strict-key' });
    expect(dataOf(refused.frames[0])).toEqual({ code: 4009, message: 'Origin not allowed' });
  });
});
