import { type ClientRequest, request as requestPlain, type RequestOptions } from 'node:http';
import { request as requestTls } from 'node:https';
import { hostOf } from '../../net/address.ts';
import type { UpstreamRoute } from './forwarded.ts';
import { tlsTrust } from '../../net/tls-trust.ts';

/**
 * A request to the upstream whose body and answer pass through as they come, or that becomes a WebSocket; the client in
 * `src/net` reads whole answers. It has a connection of its own: Reverb answers one request per connection. May throw.
 */
export function requestUpstream({ upstream }: UpstreamRoute, options: RequestOptions): ClientRequest {
  const { url } = upstream;
  const request = url.protocol === 'https:' ? requestTls : requestPlain;
  const outgoing = request({
    host: hostOf(url),
    port: url.port,
    ...tlsTrust(upstream),
    agent: false,
    ...options,
  });
  // No header line is dropped, so that the framing of the body is among them; their size is limited.
  outgoing.maxHeadersCount = 0;
  return outgoing;
}

/** The error's code, such as ECONNREFUSED, or its message. */
export const errorReason = (error: Error): string => (error as NodeJS.ErrnoException).code ?? error.message;
