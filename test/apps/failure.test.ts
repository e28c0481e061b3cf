/** Errors of databases that the tests cannot start, in the forms that `mysql2`, `pg` and Node give them. */
import { expect, test } from 'vitest';
import { failureOf } from '../../src/apps/sql/failure.ts';
import { optionsOf } from './databases.ts';

const options = optionsOf({ url: 'mysql://user:planted-password@db.test/shop' });
const failure = (message: string, details: Record<string, string>) =>
  failureOf(Object.assign(new Error(message), details), options);

test.each([
  // MySQL 8.
  ['tls', 'Connections using insecure transport are prohibited', { code: 'ER_SECURE_TRANSPORT_REQUIRED' }],
  ['tls', 'self-signed certificate in certificate chain', { code: 'HANDSHAKE_SSL_ERROR' }],
  ['tls', 'unsuitable certificate purpose', { code: 'INVALID_PURPOSE' }],
  ['tls', 'certificate is not yet valid', { code: 'CERT_NOT_YET_VALID' }],
  // The connection ends in the handshake: no certificate was refused.
  [
    'unreachable',
    'Client network socket disconnected before secure TLS connection was established',
    { code: 'HANDSHAKE_SSL_ERROR' },
  ],
  ['unreachable', 'read ECONNRESET', { code: 'HANDSHAKE_SSL_ERROR', syscall: 'read' }],
  ['unreachable', 'read ECONNRESET', { code: 'ECONNRESET', syscall: 'read' }],
  ['package', "Cannot find package 'mysql2'", { code: 'ERR_MODULE_NOT_FOUND' }],
])('2.18 the reason is %s for "%s" %j', (reason, message, details) => {
  expect(failure(message, details).reason).toBe(reason);
});

test('2.18 a certificate of a database fills no log line, and no password is in a sentence', () => {
  const long = `Hostname/IP does not match certificate's altnames: ${'x'.repeat(10_000)}`;
  expect(failure(long, { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }).message.length).toBeLessThan(400);
  expect(failure('with planted-password in it', {}).message).toBe(
    'mysql://db.test:3306/shop: with (not shown) in it',
  );
});
