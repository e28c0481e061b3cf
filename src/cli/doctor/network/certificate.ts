import { isIP } from 'node:net';
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  type DetailedPeerCertificate,
  rootCertificates,
} from 'node:tls';
import { hostOf } from '../../../net/address.ts';
import { portOf } from './faults.ts';
import { systemCertificates } from './trust.ts';

const DAY_MS = 86_400_000;

/** The certificate that a server shows. */
export interface CertificateReport {
  readonly validFromMs: number;
  readonly validToMs: number;
  readonly daysLeft: number;
  /** Number of certificates that the server sent. */
  readonly sent: number;
  readonly isSelfSigned: boolean;
  readonly isForHost: boolean;
  /** Names that it is for. */
  readonly names: string;
  /** Code of the error with which it is refused; `undefined`: it is trusted. */
  readonly refusedBy: string | undefined;
}

/** Reads the certificate at a URL; `undefined` when there is no TLS, or no answer in time. */
export function readCertificate(url: URL, timeoutMs: number): Promise<CertificateReport | undefined> {
  return new Promise((resolve) => {
    const host = hostOf(url);
    const socket = connect({
      host,
      port: portOf(url),
      rejectUnauthorized: false,
      secureContext: createSecureContext({ ca: [...rootCertificates, systemCertificates()] }),
      ...(isIP(host) === 0 && { servername: host }),
    });
    const end = (report: CertificateReport | undefined): void => {
      socket.destroy();
      resolve(report);
    };
    socket.setTimeout(timeoutMs, () => end(undefined));
    socket.on('error', () => end(undefined));
    socket.on('close', () => end(undefined));
    socket.on('secureConnect', () => {
      const refusedBy = socket.authorized ? undefined : codeOf(socket.authorizationError);
      end(reportOf(socket.getPeerCertificate(true), host, refusedBy));
    });
  });
}

/** Node gives an error, or its code. */
const codeOf = (error: unknown): string =>
  typeof error === 'string' ? error : ((error as NodeJS.ErrnoException | null)?.code ?? 'unknown');

function reportOf(
  certificate: DetailedPeerCertificate,
  host: string,
  refusedBy: string | undefined,
): CertificateReport {
  const validToMs = Date.parse(certificate.valid_to);
  return {
    validFromMs: Date.parse(certificate.valid_from),
    validToMs,
    daysLeft: Math.floor((validToMs - Date.now()) / DAY_MS),
    sent: chainLength(certificate),
    isSelfSigned: isSelfIssued(certificate),
    isForHost: checkServerIdentity(host, certificate) === undefined,
    names: certificate.subjectaltname ?? '',
    refusedBy,
  };
}

const isSelfIssued = ({ issuer, subject }: DetailedPeerCertificate): boolean =>
  JSON.stringify(issuer) === JSON.stringify(subject);

/** A certificate with that of its issuer, if the server sent it. */
interface ChainLink {
  readonly fingerprint256: string;
  readonly issuerCertificate?: ChainLink | undefined;
}

function chainLength(certificate: ChainLink): number {
  const seen = new Set<string>();
  let each: ChainLink | undefined = certificate;
  // A root names itself as its issuer.
  while (each !== undefined && !seen.has(each.fingerprint256)) {
    seen.add(each.fingerprint256);
    each = each.issuerCertificate;
  }
  return seen.size;
}
