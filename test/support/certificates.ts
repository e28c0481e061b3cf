import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Files of a self-signed certificate for localhost and 127.0.0.1, and of its key. */
export interface SelfSigned {
  readonly certificate: string;
  readonly key: string;
  remove(): void;
}

export function selfSigned(): SelfSigned {
  const folder = mkdtempSync(join(tmpdir(), 'wavehall-certificate-'));
  const [certificate, key] = [join(folder, 'server.crt'), join(folder, 'server.key')];
  execFileSync(
    'openssl',
    [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
      ...['-keyout', key, '-out', certificate],
    ],
    { stdio: 'ignore' },
  );
  return { certificate, key, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A certificate authority of a test. */
export interface Authority {
  readonly certificate: string;
  /**
   * Issues a certificate for these names, such as `IP:127.0.0.1`. `days`: its validity; -1: it has expired.
   */
  issue(names: string, days?: number): Pick<SelfSigned, 'certificate' | 'key'>;
}

const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Creates a certificate authority in a folder, which is the caller's. */
export function authorityIn(folder: string): Authority {
  const [certificate, key] = [join(folder, 'ca.crt'), join(folder, 'ca.key')];
  const openssl = (...args: string[]): unknown => execFileSync('openssl', args, { stdio: 'pipe' });
  openssl(
    'req',
    '-x509',
    ...EC_KEY,
    '-days',
    '2',
    '-subj',
    '/CN=authority',
    '-keyout',
    key,
    '-out',
    certificate,
  );
  let issued = 0;
  return {
    certificate,
    issue(names, days = 2) {
      const base = join(folder, `issued-${++issued}`);
      const files = { certificate: `${base}.crt`, key: `${base}.key` };
      writeFileSync(`${base}.ext`, `subjectAltName=${names}\n`);
      openssl('req', ...EC_KEY, '-subj', '/CN=server', '-keyout', files.key, '-out', `${base}.csr`);
      openssl(
        ...['x509', '-req', '-in', `${base}.csr`, '-CA', certificate, '-CAkey', key, '-CAcreateserial'],
        ...['-days', `${days}`, '-extfile', `${base}.ext`, '-out', files.certificate],
      );
      return files;
    },
  };
}
