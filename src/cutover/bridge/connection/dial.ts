import { WebSocket } from 'ws';
import { prefixOf } from '../../../net/address.ts';
import type { Upstream } from '../../ports.ts';
import { tlsTrust } from '../../../net/tls-trust.ts';

/** No frame of any server is larger. */
const CEILING_BYTES = 16 * 1024 * 1024;
const CLIENT = 'protocol=7&client=wavehall-bridge&version=1';

/** SPEC 11.6: a WebSocket to the other side's `/app/{key}`; errors are the caller's affair. */
export function dial(upstream: Upstream, key: string, handshakeMs: number): WebSocket {
  const { url, origin } = upstream;
  const scheme = url.protocol === 'https:' ? 'wss' : 'ws';
  return new WebSocket(`${scheme}://${url.host}${prefixOf(url)}/app/${encodeURIComponent(key)}?${CLIENT}`, {
    handshakeTimeout: handshakeMs,
    maxPayload: CEILING_BYTES,
    perMessageDeflate: false,
    ...(origin !== undefined && { origin }),
    ...tlsTrust(upstream),
  });
}
