import { expect, test } from 'vitest';
import { forwardedPath } from '../../src/cutover/proxy/forwarded.ts';

const at = (url: string, prefix: string, path: string): string =>
  forwardedPath(path, {
    upstream: { url: new URL(url), tlsVerify: true },
    prefix,
    door: 'd',
    adminToken: undefined,
  });

test.each([
  { url: 'http://a', prefix: '', path: '/app/k?b=c', expected: '/app/k?b=c' },
  { url: 'http://a/', prefix: '', path: '/', expected: '/' },
  { url: 'http://a/x/', prefix: '', path: '/app/k', expected: '/x/app/k' },
  { url: 'http://a', prefix: 'ws', path: '/ws/app/k', expected: '/app/k' },
  { url: 'http://a', prefix: 'ws', path: '/app/k', expected: '/app/k' },
  { url: 'http://a/x', prefix: 'ws', path: '/ws/app/k', expected: '/x/app/k' },
  { url: 'http://a', prefix: 'ws', path: '/ws', expected: '/' },
  { url: 'http://a', prefix: 'ws', path: '/ws?a', expected: '/?a' },
  { url: 'http://a', prefix: 'ws', path: '/wss/app/k', expected: '/wss/app/k' },
])('11.2 $path below "$prefix" is $expected at $url', ({ url, prefix, path, expected }) => {
  expect(at(url, prefix, path)).toBe(expected);
});
