import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { PeerReader } from '../../src/transports/peer.ts';

/** Peer of a request from this address with these headers. */
function peer(
  trusted: readonly string[],
  from: string,
  headers: IncomingHttpHeaders = {},
  encrypted = false,
) {
  const request = { socket: { remoteAddress: from, encrypted }, headers } as unknown as IncomingMessage;
  return new PeerReader(trusted).read(request);
}

const address = (trusted: readonly string[], from: string, forwarded?: string | string[]): string =>
  peer(trusted, from, { 'x-forwarded-for': forwarded as string }).remoteAddress;

describe('addresses', () => {
  test('2.7 ignores X-Forwarded-For without trusted proxies', () => {
    expect(address([], '192.0.2.1', '203.0.113.9')).toBe('192.0.2.1');
    expect(address([], '127.0.0.1', '203.0.113.9')).toBe('127.0.0.1');
  });

  test('2.7 ignores X-Forwarded-For of a proxy that is not trusted', () => {
    expect(address(['10.0.0.0/8'], '192.0.2.1', '203.0.113.9')).toBe('192.0.2.1');
  });

  test.each([
    ['10.0.0.1', '10.0.0.1'],
    ['10.0.0.0/8', '10.200.0.1'],
    ['::1', '::1'],
    ['fd00::/8', 'fd12::7'],
    ['10.0.0.0/8', '::ffff:10.0.0.1'],
    ['127.0.0.1', '::ffff:127.0.0.1'],
    ['::ffff:10.0.0.0/104', '10.0.0.1'],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
  ])('2.7 the trusted proxy %s covers %s', (trusted, from) => {
    expect(address([trusted], from, '203.0.113.9')).toBe('203.0.113.9');
  });

  const trusted = ['10.0.0.0/8'];

  test.each([
    ['203.0.113.9', '203.0.113.9'],
    ['203.0.113.9, 10.0.0.2', '203.0.113.9'],
    ['203.0.113.9,10.0.0.3 , 10.0.0.2', '203.0.113.9'],
    ['1.1.1.1, 203.0.113.9', '203.0.113.9'],
    ['invented, 203.0.113.9, 10.0.0.2', '203.0.113.9'],
    ['2001:db8::7', '2001:db8::7'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['10.0.0.5', '10.0.0.5'],
    ['203.0.113.1:5001', '203.0.113.1'],
    ['9.9.9.9, 203.0.113.1:5001', '203.0.113.1'],
    ['9.9.9.9, 203.0.113.1:5001, 10.0.0.2:80', '203.0.113.1'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['"[2001:DB8:0:0::1]:443"', '2001:db8::1'],
    ['"203.0.113.1"', '203.0.113.1'],
    ['2001:0DB8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['::FFFF:CB00:7109', '203.0.113.9'],
    ['0:0:0:0:0:ffff:cb00:7109', '203.0.113.9'],
    ['203.0.113.9, ::ffff:10.0.0.2', '203.0.113.9'],
    ['203.0.113.9, unknown', '10.0.0.1'],
    ['203.0.113.9, _hidden, 10.0.0.2', '10.0.0.2'],
    ['203.0.113.9, unix:', '10.0.0.1'],
    ['203.0.113.9,', '10.0.0.1'],
    ['203.0.113.9, [203.0.113.1]:5', '10.0.0.1'],
    ['203.0.113.9, 203.0.113.1:x', '10.0.0.1'],
    ['203.0.113.9, 010.0.0.1', '10.0.0.1'],
    ['203.0.113.9, 300.1.1.1', '10.0.0.1'],
    ['', '10.0.0.1'],
    ['unknown', '10.0.0.1'],
    ['<script>', '10.0.0.1'],
    [undefined, '10.0.0.1'],
    [['1.1.1.1', '203.0.113.9'], '203.0.113.9'],
  ])(
    '2.7 takes the last address of X-Forwarded-For %j that is not a trusted proxy: %s',
    (forwarded, expected) => {
      expect(address(trusted, '10.0.0.1', forwarded)).toBe(expected);
    },
  );

  test.each([
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['::ffff:garbage', '::ffff:garbage'],
  ])('2.7 shows the address of an IPv4-mapped socket as IPv4, any other unchanged: %s', (from, expected) => {
    expect(address([], from)).toBe(expected);
  });

  test.each(['nonsense', '10.0.0.0/99', '300.0.0.1', '10.0.0.0/x'])(
    '2.7 throws for the trusted proxy %j',
    (proxy) => {
      expect(() => new PeerReader([proxy])).toThrow();
    },
  );
});

describe('TLS', () => {
  test('2.5 is read from the socket', () => {
    expect(peer([], '192.0.2.1', {}, true).secure).toBe(true);
    expect(peer([], '192.0.2.1', {}, false).secure).toBe(false);
  });

  test('2.5 is read from X-Forwarded-Proto of a trusted proxy', () => {
    const forwarded = { 'x-forwarded-proto': 'https' };
    expect(peer(['10.0.0.1'], '10.0.0.1', forwarded).secure).toBe(true);
    expect(peer(['10.0.0.1'], '10.0.0.1', { 'x-forwarded-proto': 'http' }).secure).toBe(false);
    expect(peer(['10.0.0.1'], '192.0.2.1', forwarded).secure).toBe(false);
    for (const [list, secure] of [
      ['https,http', true],
      ['HTTPS , http', true],
      ['wss, ws', true],
      ['http,https', false],
      [',https', false],
    ] as const)
      expect(peer(['10.0.0.1'], '10.0.0.1', { 'x-forwarded-proto': list }).secure).toBe(secure);
    expect(peer([], '10.0.0.1', forwarded).secure).toBe(false);
    expect(peer(['10.0.0.1'], '10.0.0.1', {}, true).secure).toBe(true);
  });
});
