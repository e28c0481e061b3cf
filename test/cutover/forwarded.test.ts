import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { forwardedHeaders, forwardedPath, type UpstreamRoute } from '../../src/cutover/proxy/forwarded.ts';

const at = (url: string, prefix: string, path: string): string =>
  forwardedPath(path, {
    upstream: { url: new URL(url), tlsVerify: true },
    prefix,
    frontDoorId: 'd',
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

/** Value of X-Forwarded-For that the upstream gets for a socket with this address. */
function forwardedFor(remoteAddress: string): string | undefined {
  const request = { socket: { remoteAddress }, headers: { host: 'a' }, rawHeaders: [] };
  const client = { address: remoteAddress, secure: false, viaProxy: false };
  const route: UpstreamRoute = {
    upstream: { url: new URL('http://a'), tlsVerify: true },
    prefix: '',
    frontDoorId: 'd',
    adminToken: undefined,
  };
  const lines = forwardedHeaders(request as unknown as IncomingMessage, client, route);
  return lines[lines.indexOf('X-Forwarded-For') + 1];
}

test.each([
  ['203.0.113.9', '203.0.113.9'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['::ffff:cb00:7109', '203.0.113.9'],
  ['2001:db8::1', '2001:db8::1'],
  ['::ffff:garbage', '::ffff:garbage'],
])('11.2 X-Forwarded-For names the address of the socket, IPv4-mapped as IPv4: %s', (from, expected) => {
  expect(forwardedFor(from)).toBe(expected);
});
