/** HTTPS endpoints: the certificate has to be trusted, valid and for the name of the URL. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { selfSigned } from '../support/certificates.ts';
import { deliver, endpointOf } from './deliver.ts';
import { resolverOf } from './resolver.ts';
import { startTlsReceiver } from './tls-receiver.ts';

const { resolver } = resolverOf(['127.0.0.1']);
const sendTo = (host: string, port: number) =>
  deliver([endpointOf('a', `https://${host}:${port}/`)], {}, resolver).webhooks.test('a');

test('9.7 a certificate for the name of the URL is accepted, though the connection is made to an address', async () => {
  const receiver = await startTlsReceiver();
  expect(await sendTo('shop.test', receiver.port)).toMatchObject({ isDelivered: true });
});

test('9.7 a certificate for another name is refused', async () => {
  const receiver = await startTlsReceiver();
  expect(await sendTo('other.test', receiver.port)).toEqual({
    isDelivered: false,
    reason: 'ERR_TLS_CERT_ALTNAME_INVALID',
    isFinal: false,
  });
  expect(receiver.requests).toBe(0);
});

test('9.7 a certificate that has expired is refused', async () => {
  const receiver = await startTlsReceiver({ isExpired: true });
  expect(await sendTo('shop.test', receiver.port)).toMatchObject({ reason: 'CERT_HAS_EXPIRED' });
  expect(receiver.requests).toBe(0);
});

test('9.7 a certificate that nobody trusts is refused', async () => {
  const files = selfSigned();
  const [key, cert] = [readFileSync(files.key), readFileSync(files.certificate)];
  files.remove();
  const server = createServer({ key, cert }, (_, response) => response.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const { webhooks } = deliver([endpointOf('a', `https://127.0.0.1:${port}/`)]);
  expect(await webhooks.test('a')).toMatchObject({
    isDelivered: false,
    reason: expect.stringMatching(/CERT/),
  });
});
