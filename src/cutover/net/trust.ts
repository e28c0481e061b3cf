import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import type { Upstream } from '../ports.ts';

/** Made once: reading the usual certificates takes longer than a handshake. */
const contexts = new WeakMap<Upstream, SecureContext>();

/** SPEC 11.6: whom every connection to the other side trusts. */
export const trust = (upstream: Upstream): object =>
  upstream.url.protocol === 'https:'
    ? {
        rejectUnauthorized: upstream.tlsVerify,
        ...(upstream.tlsCa !== undefined && { secureContext: contextOf(upstream, upstream.tlsCa) }),
      }
    : {};

function contextOf(upstream: Upstream, tlsCa: string): SecureContext {
  const context = contexts.get(upstream) ?? createSecureContext({ ca: [...rootCertificates, tlsCa] });
  contexts.set(upstream, context);
  return context;
}
