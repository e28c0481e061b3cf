import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { readKeyPair } from '../../src/transports/tls.ts';
import { run, temporaryFolder } from '../cli/command.ts';
import { get, metric, startWithPorts } from '../cli/ports.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { eventually, Wire } from '../support/wire.ts';
import { type CertificateFiles, makeCertificate, subjectShown } from './certificate.ts';

const PASSPHRASE = 'open-sesame';

function certificate(subject: string, passphrase?: string): CertificateFiles {
  const folder = temporaryFolder();
  const files = { cert: join(folder, 'a.crt'), key: join(folder, 'a.key') };
  makeCertificate(files, subject, passphrase);
  return files;
}

const variables = ({ cert, key }: CertificateFiles) => ({ WAVEHALL_TLS_CERT: cert, WAVEHALL_TLS_KEY: key });

/** Opens a socket as a client that trusts exactly this certificate. */
async function openSecure({ port }: TestServer, cert: string): Promise<Wire> {
  const socket = new WebSocket(`wss://127.0.0.1:${port}/app/app-key?protocol=7`, { ca: readFileSync(cert) });
  const wire = new Wire(socket);
  await once(socket, 'open');
  return wire;
}

describe('wss', () => {
  test('2.1 serves a client that trusts the certificate', async () => {
    const files = certificate('first');
    const server = await startServer({ ...variables(files), WAVEHALL_REQUIRE_TLS: 'true' });
    try {
      const wire = await openSecure(server, files.cert);
      expect((await wire.first()).event).toBe('pusher:connection_established');
      expect(await wire.settle()).toEqual([]);
      await wire.close();
      expect(server.output()).toContain(`wss://127.0.0.1:${server.port}/app/{key}`);
      expect(server.output()).toContain(`https://127.0.0.1:${server.port}/apps/{id}`);
    } finally {
      await server.close();
    }
  });

  test('2.1 serves the new certificate after SIGHUP and keeps open sockets', async () => {
    const files = certificate('first');
    const server = await startServer(variables(files));
    try {
      const wire = await openSecure(server, files.cert);
      expect(await subjectShown(server.port)).toBe('first');
      makeCertificate(files, 'second');
      expect(await subjectShown(server.port)).toBe('first');
      server.kill('SIGHUP');
      await eventually(async () => (await subjectShown(server.port)) === 'second', 'the new certificate');
      expect((await wire.settle())[0]?.event).toBe('pusher:connection_established');
      const newcomer = await openSecure(server, files.cert);
      expect((await newcomer.first()).event).toBe('pusher:connection_established');
      await Promise.all([wire.close(), newcomer.close()]);
    } finally {
      await server.close();
    }
  });

  test.each([
    ['is gone', ({ cert }: CertificateFiles) => rmSync(cert)],
    ['is no certificate', ({ cert }: CertificateFiles) => writeFileSync(cert, 'nonsense')],
  ])('2.1 warns after SIGHUP and keeps the old certificate when the new one %s', async (_, spoil) => {
    const files = certificate('first');
    const server = await startServer(variables(files));
    try {
      spoil(files);
      server.kill('SIGHUP');
      await eventually(
        () => server.output().includes('the new TLS certificate cannot be used'),
        'the warning',
      );
      expect(await subjectShown(server.port)).toBe('first');
    } finally {
      await server.close();
    }
    expect(await server.exited).toBe(0);
  });

  test('8.13 the metrics say when the certificate that is served expires', async () => {
    const DAY_SECONDS = 86_400;
    const files = certificate('first');
    const { server, metrics } = await startWithPorts(variables(files));
    const daysLeft = async (): Promise<number> => {
      const { text } = await get(metrics, '/metrics');
      const expirySeconds = metric(text, 'wavehall_tls_certificate_expiry_timestamp_seconds');
      return Math.round((expirySeconds - Date.now() / 1000) / DAY_SECONDS);
    };
    expect(await daysLeft()).toBe(1);
    makeCertificate(files, 'second', undefined, 30);
    server.kill('SIGHUP');
    await eventually(async () => (await daysLeft()) === 30, 'the expiry of the new certificate');
    rmSync(files.cert);
    server.kill('SIGHUP');
    await eventually(() => server.output().includes('cannot be used'), 'the warning');
    expect(await daysLeft()).toBe(30);
  });

  test('2.1 ignores SIGHUP without TLS', async () => {
    const server = await startServer();
    try {
      server.kill('SIGHUP');
      const wire = await Wire.open(server, '/app/app-key?protocol=7');
      expect((await wire.first()).event).toBe('pusher:connection_established');
      await wire.close();
    } finally {
      await server.close();
    }
  });

  test('2.1 reads a key with its passphrase', async () => {
    const files = certificate('locked', PASSPHRASE);
    const server = await startServer({ ...variables(files), WAVEHALL_TLS_PASSPHRASE: PASSPHRASE });
    try {
      expect(await subjectShown(server.port)).toBe('locked');
      expect(server.output()).not.toContain(PASSPHRASE);
    } finally {
      await server.close();
    }
  });

  test('2.1 serves the certificate of config("reverb")', async () => {
    const files = certificate('from-laravel', PASSPHRASE);
    const tls = { local_cert: files.cert, local_pk: files.key, passphrase: PASSPHRASE };
    const config = {
      servers: { reverb: { options: { tls } } },
      apps: { apps: [{ app_id: 'a', key: 'b', secret: 'c' }] },
    };
    const server = await startServer({ WAVEHALL_APPS: JSON.stringify(config) });
    try {
      expect(await subjectShown(server.port)).toBe('from-laravel');
    } finally {
      await server.close();
    }
  });

  test('2.1 serves the certificate that Valet made for the host', async () => {
    const home = temporaryFolder();
    const folder = join(home, '.config', 'valet', 'Certificates');
    makeCertificate({ cert: join(folder, 'app.test.crt'), key: join(folder, 'app.test.key') }, 'app.test');
    const server = await startServer({ HOME: home }, ['--hostname', 'app.test']);
    try {
      expect(await subjectShown(server.port)).toBe('app.test');
    } finally {
      await server.close();
    }
  });
});

describe('a certificate that cannot be used fails the start', () => {
  test('2.1 names a missing file', async () => {
    const { key } = certificate('first');
    const missing = join(temporaryFolder(), 'missing.crt');
    const { code, stdout, stderr } = await run(['start'], variables({ cert: missing, key }));
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^wavehall: The TLS file .+missing\.crt cannot be read: ENOENT/);
  });

  test('2.1 names a missing key', async () => {
    const { cert } = certificate('first');
    const { code, stderr } = await run(['start'], variables({ cert, key: '/no/such.key' }));
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^wavehall: The TLS file \/no\/such\.key cannot be read/),
    ]);
  });

  test.each([
    ['another passphrase', { WAVEHALL_TLS_PASSPHRASE: 'wrong-words' }],
    ['no passphrase', {}],
  ])('2.1 %s: names the files, not the passphrase', async (_, passphrase) => {
    const files = certificate('locked', PASSPHRASE);
    const { code, stderr } = await run(['start'], { ...variables(files), ...passphrase });
    expect(code).toBe(1);
    expect(stderr).toContain(`wavehall: The TLS certificate ${files.cert} with the key ${files.key}`);
    expect(stderr).not.toMatch(/wrong-words|open-sesame/);
  });

  test('2.1 names the files when the key belongs to another certificate', async () => {
    const [first, second] = [certificate('first'), certificate('second')];
    const { code, stderr } = await run(['start'], variables({ cert: first.cert, key: second.key }));
    expect(code).toBe(1);
    expect(stderr).toContain(`wavehall: The TLS certificate ${first.cert} with the key ${second.key}`);
  });
});

describe('where certificates are found', () => {
  const FOLDERS = [
    'Library/Application Support/Herd/config/valet/Certificates',
    '.config/herd/config/valet/Certificates',
    '.config/valet/Certificates',
    '.valet/Certificates',
  ];

  test.each(FOLDERS)('2.1 in ~/%s, by the name of the host', (folder) => {
    const home = temporaryFolder();
    const files = { cert: join(home, folder, 'app.test.crt'), key: join(home, folder, 'app.test.key') };
    makeCertificate(files, 'app.test');
    expect(readKeyPair({ hostname: 'app.test' }, home)).toEqual({
      cert: readFileSync(files.cert),
      key: readFileSync(files.key),
    });
    expect(readKeyPair({ hostname: 'other.test' }, home)).toBeUndefined();
    expect(readKeyPair({}, home)).toBeUndefined();
  });

  test('2.1 ignores a certificate without its key', () => {
    const home = temporaryFolder();
    const files = { cert: join(home, FOLDERS[3]!, 'app.test.crt'), key: join(home, 'elsewhere.key') };
    makeCertificate(files, 'app.test');
    expect(readKeyPair({ hostname: 'app.test' }, home)).toBeUndefined();
  });

  test('2.1 ignores a host name that would lead out of the folder', () => {
    const home = temporaryFolder();
    const outside = join(home, '.valet', 'app.test');
    makeCertificate({ cert: `${outside}.crt`, key: `${outside}.key` }, 'app.test');
    makeCertificate({ cert: join(home, FOLDERS[3]!, 'x.crt'), key: join(home, FOLDERS[3]!, 'x.key') }, 'x');
    expect(readKeyPair({ hostname: '../app.test' }, home)).toBeUndefined();
  });

  test('2.1 prefers named files, and accepts one file with both', () => {
    const home = temporaryFolder();
    const folder = join(home, FOLDERS[3]!);
    makeCertificate({ cert: join(folder, 'app.test.crt'), key: join(folder, 'app.test.key') }, 'app.test');
    const named = certificate('named', PASSPHRASE);
    const both = join(home, 'both.pem');
    writeFileSync(both, readFileSync(named.cert, 'utf8') + readFileSync(named.key, 'utf8'));
    const bytes = readFileSync(both);
    expect(readKeyPair({ hostname: 'app.test', localCert: both, passphrase: PASSPHRASE }, home)).toEqual({
      cert: bytes,
      key: bytes,
      passphrase: PASSPHRASE,
    });
  });
});
