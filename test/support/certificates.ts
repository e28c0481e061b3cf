import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
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
