import { expect, test } from 'vitest';
import { unmappedAddress } from '../../src/core/util/ip-address.ts';

test.each([
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['::FFFF:203.0.113.9', '203.0.113.9'],
  ['::ffff:cb00:7109', '203.0.113.9'],
  ['::ffff:0:1', '0.0.0.1'],
])('2.7 an IPv4-mapped IPv6 address is IPv4: %s', (mapped, expected) => {
  expect(unmappedAddress(mapped)).toBe(expected);
});

test.each([
  '203.0.113.9',
  '::1',
  '2001:db8::1',
  '::ffff:0:203.0.113.9',
  '64:ff9b::203.0.113.9',
  '::ffff:',
  '::ffff:300.0.0.1',
  '::ffff:01.0.0.1',
  '::ffff:1.2.3',
  '::ffff:203.0.113.9 ',
  '::ffff:203.0.113.9%eth0',
  '::ffff:cb00:7109:1',
  'x::ffff:203.0.113.9',
  'unknown',
  '',
])('2.7 any other address or text stays unchanged: %j', (text) => {
  expect(unmappedAddress(text)).toBe(text);
});

test('2.7 a socket that is closed has no address', () => {
  expect(unmappedAddress(undefined)).toBe('');
});
