import type { Upstream } from '../ports.ts';

/** SPEC 11.6: whom a connection to the other side trusts. */
export const trust = ({ url, tlsCa, tlsVerify }: Upstream): object =>
  url.protocol === 'https:'
    ? { rejectUnauthorized: tlsVerify, ...(tlsCa !== undefined && { ca: tlsCa }) }
    : {};
