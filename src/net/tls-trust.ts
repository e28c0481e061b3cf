import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';

/** A server that this process connects to, and the certificates that it accepts for it. */
export interface TlsPeer {
  readonly url: URL;
  /** Certificates (PEM) that are trusted besides the system's. */
  readonly tlsCa?: string | undefined;
  /** False: the certificate is not verified. */
  readonly tlsVerify?: boolean | undefined;
}

export interface TlsTrust {
  readonly rejectUnauthorized?: boolean;
  readonly secureContext?: SecureContext;
}

/** Created once for each set of certificates: reading the system's certificates takes longer than a handshake. */
const contexts = new Map<string, SecureContext>();

/** The TLS options of every connection to a server (SPEC 11.6); none for `http:`. */
export const tlsTrust = ({ url, tlsCa, tlsVerify = true }: TlsPeer): TlsTrust =>
  url.protocol === 'https:'
    ? { rejectUnauthorized: tlsVerify, ...(tlsCa !== undefined && { secureContext: contextOf(tlsCa) }) }
    : {};

function contextOf(tlsCa: string): SecureContext {
  const context = contexts.get(tlsCa) ?? createSecureContext({ ca: [...rootCertificates, tlsCa] });
  contexts.set(tlsCa, context);
  return context;
}
