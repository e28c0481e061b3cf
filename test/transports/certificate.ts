import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { connect } from 'node:tls';

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** Makes a self-signed certificate for 127.0.0.1 with the name `subject`, in place of what is there. `days`: its validity. */
export function makeCertificate(
  files: CertificateFiles,
  subject: string,
  passphrase?: string,
  days = 1,
): void {
  for (const file of [files.cert, files.key]) mkdirSync(dirname(file), { recursive: true });
  const locked = passphrase === undefined ? ['-nodes'] : ['-passout', `pass:${passphrase}`];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-days', `${days}`],
      ...['-subj', `/CN=${subject}`, '-addext', 'subjectAltName=IP:127.0.0.1'],
      ...['-keyout', files.key, '-out', files.cert],
      ...locked,
    ],
    { stdio: 'pipe' },
  );
}

/** The name in the certificate that a new connection is shown. */
export async function subjectShown(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { CN } = socket.getPeerCertificate().subject;
  socket.on('error', () => undefined).destroy();
  return String(CN);
}
