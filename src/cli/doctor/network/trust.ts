import { readFileSync } from 'node:fs';

/** Bundles of the system, as Debian, Red Hat and Alpine have them: PHP and browsers use them. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
];

let read: string | undefined;

/** Certificates (PEM) that this machine trusts beside those of Node: the system's, and NODE_EXTRA_CA_CERTS. */
export function systemCertificates(): string {
  read ??= [process.env.NODE_EXTRA_CA_CERTS ?? '', BUNDLES.find((file) => textOf(file) !== '') ?? '']
    .map(textOf)
    .join('\n');
  return read;
}

function textOf(file: string): string {
  try {
    return file === '' ? '' : readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
