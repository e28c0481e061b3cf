import type { ProbeSite } from '../../../cutover/probe/probe-site.ts';
import { tlsTrust, type TlsTrust } from '../../../net/tls-trust.ts';
import { systemCertificates } from './trust.ts';

/** A server that the doctor talks to. */
export interface Site {
  readonly url: URL;
  /** False: its certificate is refused, which is a problem of its own; the other checks go on. */
  readonly isTrusted: boolean;
}

/** Certificates that are accepted for a site. */
export const peerOf = ({ url, isTrusted }: Site): Pick<ProbeSite, 'url' | 'tlsCa' | 'tlsVerify'> => ({
  url,
  tlsVerify: isTrusted,
  tlsCa: url.protocol === 'https:' ? systemCertificates() : undefined,
});

export const trustOf = (site: Site): TlsTrust => tlsTrust(peerOf(site));
