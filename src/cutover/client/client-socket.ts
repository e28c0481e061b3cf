import { WebSocket } from 'ws';
import { prefixOf } from '../../net/address.ts';
import { type TlsPeer, tlsTrust } from '../../net/tls-trust.ts';

/** No server of the protocol sends a larger frame. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** A server that clients connect to. */
export interface ClientTarget extends TlsPeer {
  /** Servers that check origins refuse connections without one. */
  readonly origin?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export interface ClientOptions {
  /** Key of the app. */
  readonly key: string;
  /** Name that the client gives itself. */
  readonly client: string;
  readonly handshakeMs: number;
}

/** Address at which clients of an app connect (SPEC 2.1). */
export function clientUrl({ url }: TlsPeer, { key, client }: Pick<ClientOptions, 'key' | 'client'>): URL {
  const scheme = url.protocol === 'https:' ? 'wss' : 'ws';
  const query = `protocol=7&client=${client}&version=1.0`;
  return new URL(`${scheme}://${url.host}${prefixOf(url)}/app/${encodeURIComponent(key)}?${query}`);
}

/** Opens a client's WebSocket to a server; the caller handles its errors. */
export function openClientSocket(target: ClientTarget, options: ClientOptions): WebSocket {
  const { origin, headers } = target;
  return new WebSocket(clientUrl(target, options), {
    handshakeTimeout: options.handshakeMs,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    ...(headers && { headers }),
    ...(origin !== undefined && { origin }),
    ...tlsTrust(target),
  });
}
