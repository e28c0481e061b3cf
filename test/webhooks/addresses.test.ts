import { expect, test } from 'vitest';
import { AllowedAddresses } from '../../src/net/allowed-addresses.ts';
import { deliver, endpointOf, receiverWith } from './deliver.ts';
import { resolverOf } from './resolver.ts';

const none = new AllowedAddresses([]);

test.each([
  '127.0.0.1',
  '10.1.2.3',
  '172.16.0.1',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '0.0.0.0',
  '0.1.2.3',
  '224.0.0.1',
  '255.255.255.255',
  '192.0.2.1',
  '198.18.0.1',
  '240.0.0.1',
  '::1',
  '::',
  'fe80::1',
  'fc00::1',
  'fd12::1',
  'ff02::1',
  'fec0::1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:10.0.0.1',
  '::127.0.0.1',
  '2002:7f00:1::',
  '2002:a00:1::1',
  '2002:c0a8:101::',
  '64:ff9b::127.0.0.1',
  '64:ff9b::a00:1',
  '64:ff9b:1::1',
  '2001::1',
  '2001:db8::1',
  '100::1',
  'name',
  '',
  '127.1',
  'fd00:ec2::254',
  'fe80::a9fe:a9fe',
  '::ffff:169.254.169.254',
  '::ffff:0.0.0.0',
  '64:ff9b::169.254.169.254',
  '2002:a9fe:a9fe::1',
  '0:0:0:0:0:ffff:7f00:1',
  '100.100.100.200',
  '192.0.0.192',
])('9.7 %s is not public', (address) => expect(none.includes(address)).toBe(false));

test.each([
  '8.8.8.8',
  '1.1.1.1',
  '2606:4700::1111',
  '::ffff:8.8.8.8',
  '2002:808:808::',
  '64:ff9b::808:808',
  '172.32.0.1',
  '100.128.0.1',
])('9.7 %s is public', (address) => expect(none.includes(address)).toBe(true));

test('9.7 a network of the setting is allowed, and no other', () => {
  const allowed = new AllowedAddresses(['10.0.0.0/8', 'fd00::/8']);
  expect(['10.1.2.3', '::ffff:10.1.2.3', 'fd00::1'].map((each) => allowed.includes(each))).toEqual([
    true,
    true,
    true,
  ]);
  expect(['11.0.0.1', '192.168.0.1', 'fc00::1'].map((each) => allowed.includes(each))).toEqual([
    true,
    false,
    false,
  ]);
});

const NOT_PUBLIC = { isDelivered: false, reason: 'ADDRESS_NOT_PUBLIC', isFinal: false };

test.each(['127.0.0.1', '2130706433', '0177.0.0.1', '[::1]', '[::ffff:127.0.0.1]', 'localhost'])(
  '9.7 nothing is sent to http://%s',
  async (host) => {
    const receiver = await receiverWith();
    const { webhooks } = deliver([endpointOf('a', `http://${host}:${receiver.port}/hook`)], {
      allowedNetworks: [],
    });
    expect(await webhooks.test('a')).toEqual(NOT_PUBLIC);
    expect(receiver.connections).toBe(0);
  },
);

test('9.7 nothing is sent to a name that resolves to an address that is not public', async () => {
  const receiver = await receiverWith();
  const { resolver } = resolverOf(['10.0.0.1', '127.0.0.1', '::1']);
  const { webhooks } = deliver(
    [endpointOf('a', `http://shop.test:${receiver.port}/`)],
    { allowedNetworks: [] },
    resolver,
  );
  expect(await webhooks.test('a')).toEqual(NOT_PUBLIC);
  expect(receiver.connections).toBe(0);
});

test('9.7 a name is resolved once for a connection, which goes to the address that was checked', async () => {
  const receiver = await receiverWith();
  const { resolver, asked } = resolverOf(['192.168.0.1', '127.0.0.2'], ['192.168.0.1']);
  const { webhooks } = deliver(
    [endpointOf('a', `http://shop.test:${receiver.port}/`)],
    { allowedNetworks: ['127.0.0.0/29'] },
    resolver,
  );
  // The receiver listens on 127.0.0.1 only: the address that was checked refuses, and no other is tried.
  expect(await webhooks.test('a')).toMatchObject({ isDelivered: false, reason: 'ECONNREFUSED' });
  expect(asked).toEqual(['shop.test']);
  // The name leads to another address now, as in DNS rebinding.
  expect(await webhooks.test('a')).toEqual(NOT_PUBLIC);
  expect([asked.length, receiver.connections]).toEqual([2, 0]);
});

test('9.1 the host of the URL is named in the request', async () => {
  const receiver = await receiverWith();
  const { resolver } = resolverOf(['127.0.0.1']);
  const { webhooks } = deliver([endpointOf('a', `http://shop.test:${receiver.port}/`)], {}, resolver);
  expect(await webhooks.test('a')).toMatchObject({ isDelivered: true });
  expect(receiver.requests[0]!.headers.host).toBe(`shop.test:${receiver.port}`);
});

test('9.7 of a name with public and other addresses only a public one is connected to', async () => {
  const receiver = await receiverWith();
  // The receiver listens on 127.0.0.1, which is not allowed here; the setting stands for a public network.
  const { resolver } = resolverOf(['127.0.0.1', '127.0.1.1', '::1']);
  const { webhooks } = deliver(
    [endpointOf('a', `http://shop.test:${receiver.port}/`)],
    { allowedNetworks: ['127.0.1.0/24'] },
    resolver,
  );
  expect(await webhooks.test('a')).toMatchObject({ isDelivered: false, reason: 'ECONNREFUSED' });
  expect(receiver.connections).toBe(0);
});

test('9.7 a redirect to an address that is not public is not followed', async () => {
  const inner = await receiverWith();
  const { resolver } = resolverOf(['127.0.0.1']);
  const outer = await receiverWith((response) => response.writeHead(307, { location: inner.url }).end());
  const { webhooks } = deliver([endpointOf('a', `http://shop.test:${outer.port}/`)], {}, resolver);
  expect(await webhooks.test('a')).toMatchObject({ isDelivered: false, reason: 'HTTP 307' });
  expect(inner.connections).toBe(0);
});

test('9.7 a name that does not resolve is a failure with its reason', async () => {
  const unknown = Object.assign(new Error('getaddrinfo ENOTFOUND shop.test'), { code: 'ENOTFOUND' });
  const { webhooks } = deliver([endpointOf('a', 'http://shop.test/')], {}, (_host, _options, resolved) =>
    resolved(unknown, []),
  );
  expect(await webhooks.test('a')).toEqual({ isDelivered: false, reason: 'ENOTFOUND', isFinal: false });
});
