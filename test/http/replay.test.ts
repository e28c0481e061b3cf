import { describe, expect, test } from 'vitest';
import { testApp } from '../core/fakes.ts';
import { openHttp, shown } from './fixture.ts';

describe('strict replay protection', () => {
  const USED = [401, 'Authentication signature was used before.'];
  const path = '/apps/app-id/channels';

  test('8.2 accepts a signature once, with or without the prefix', async () => {
    const http = await openHttp({ prefix: 'ws', refuseReplays: true });
    for (const [first, again] of [
      ['', ''],
      ['', '/ws'],
      ['/ws', ''],
      ['/ws', '/ws'],
    ]) {
      http.clock.pass(1000);
      const url = http.signed('GET', path);
      expect((await http.send('GET', `${first}${url}`)).status).toBe(200);
      expect(shown(await http.send('GET', `${again}${url}`))).toEqual(USED);
      const reordered = url.replace(/\?(.*)&(auth_signature=.*)$/, '?$2&$1');
      expect(reordered).not.toBe(url);
      expect(shown(await http.send('GET', reordered))).toEqual(USED);
      expect(shown(await http.send('GET', url.replace('auth_signature', 'AUTH_SIGNATURE')))).toEqual(USED);
    }
  });

  test('8.2 does not use up the signature of a refused request', async () => {
    const http = await openHttp({ refuseReplays: true });
    const [, query = ''] = http.signed('GET', path).split('?');
    expect((await http.send('GET', `/apps/app-id/connections?${query}`)).status).toBe(401);
    expect((await http.send('GET', `${path}?${query}`)).status).toBe(200);
  });

  test('8.2 stores a signature as long as its timestamp is valid', async () => {
    const http = await openHttp({ refuseReplays: true });
    http.clock.nowMs += 1000 - (http.clock.nowMs % 1000);
    const fromTheFuture = http.signed('GET', path, { ageSeconds: -600 });
    expect((await http.send('GET', fromTheFuture)).status).toBe(200);
    http.clock.pass(1_200_999);
    expect(shown(await http.send('GET', fromTheFuture))).toEqual(USED);
    http.clock.pass(1);
    expect(String((await http.send('GET', fromTheFuture)).body)).toMatch(/^Timestamp expired/);
  });

  test('8.2 stores a signature without expiry when timestamps are not checked', async () => {
    const http = await openHttp({ app: testApp({ limits: { authWindowSeconds: 0 } }), refuseReplays: true });
    const url = http.signed('GET', path);
    expect((await http.send('GET', url)).status).toBe(200);
    http.clock.pass(100_000_000);
    expect(shown(await http.send('GET', url))).toEqual(USED);
  });
});
