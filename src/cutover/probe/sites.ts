import type { App } from '../../core/app.ts';
import type { Upstream } from '../ports/options.ts';
import type { ProbeSite } from './probe-site.ts';
import { signedSide, SIDE_HEADER } from '../split/side-header.ts';

/** This server, through its front door, at every percentage. Its certificate is not verified: it is for another name. */
export const ownSite = (
  { id, credentials: [credential] }: App,
  url: URL,
  origin: string | undefined,
  tlsVerify = false,
): ProbeSite => ({
  url,
  appId: id,
  credential,
  origin,
  headers: { [SIDE_HEADER]: signedSide(credential, 'wavehall') },
  tlsVerify,
});

/** The upstream, connected directly and not through the front door. */
export const upstreamSite = (
  { id, credentials: [credential] }: App,
  { url, origin, tlsCa, tlsVerify }: Upstream,
): ProbeSite => ({ url, appId: id, credential, origin, tlsCa, tlsVerify });
