import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { onTestFinished, vi } from 'vitest';

const CONFIG = `[ca]
default_ca = test
[test]
database = index.txt
serial = serial
new_certs_dir = .
policy = any
default_md = sha256
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = DNS:shop.test
[req]
distinguished_name = empty
[empty]
`;

/** Two times, as YYYYMMDDHHMMSSZ. */
type Validity = readonly [from: string, until: string];

/** Makes a self-signed certificate for the name shop.test. */
function certificateBetween([from, until]: Validity): { readonly key: string; readonly cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'wavehall-webhook-tls-'));
  const openssl = (...args: string[]): void =>
    void execFileSync('openssl', [...args, '-config', 'ca.cnf'], { cwd: folder, stdio: 'pipe' });
  writeFileSync(join(folder, 'ca.cnf'), CONFIG);
  writeFileSync(join(folder, 'index.txt'), '');
  writeFileSync(join(folder, 'serial'), '01\n');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key.pem'];
  openssl('req', '-new', ...key, '-subj', '/CN=shop.test', '-out', 'request.pem');
  const validity = ['-startdate', from, '-enddate', until];
  const files = ['-in', 'request.pem', '-keyfile', 'key.pem', '-out', 'cert.pem', '-notext'];
  openssl('ca', '-batch', '-selfsign', ...validity, ...files);
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const made = { key: read('key.pem'), cert: read('cert.pem') };
  rmSync(folder, { recursive: true, force: true });
  return made;
}

const EXPIRED: Validity = ['20200101000000Z', '20200201000000Z'];
const VALID: Validity = ['20200101000000Z', '20491231000000Z'];

/** Trusts a certificate in this process until the end of the test. */
export function trust(ca: string): void {
  const original = tls.createSecureContext.bind(tls);
  const trusting = vi
    .spyOn(tls, 'createSecureContext')
    .mockImplementation((options) => original({ ca, ...options }));
  onTestFinished(() => trusting.mockRestore());
}

/** HTTPS server for shop.test on 127.0.0.1 whose certificate this process trusts; all until the end of the test. */
export async function startTlsReceiver({ isExpired = false } = {}) {
  const pair = certificateBetween(isExpired ? EXPIRED : VALID);
  trust(pair.cert);
  const receiver = { requests: 0, port: 0 };
  const server = createServer(pair, (_, response) => {
    receiver.requests += 1;
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  receiver.port = (server.address() as AddressInfo).port;
  return receiver;
}
