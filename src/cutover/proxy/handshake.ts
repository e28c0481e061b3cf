import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const KEY = /^[+/0-9A-Za-z]{22}==$/;
const VERSIONS: readonly unknown[] = ['13', '8'];
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** True for the client's half of a WebSocket handshake (RFC 6455, 4.2.1). */
export const isHandshake = ({ method, httpVersion, headers }: IncomingMessage): boolean =>
  method === 'GET' &&
  httpVersion === '1.1' &&
  headers.upgrade?.toLowerCase() === 'websocket' &&
  KEY.test(String(headers['sec-websocket-key'])) &&
  VERSIONS.includes(headers['sec-websocket-version']);

/** True when a request has a body: behind the handshake the upstream would read it as frames or as another request. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';

/** True for the server's half, made for the key of this request (RFC 6455, 4.1). */
export function isAccepted({ headers }: IncomingMessage, request: IncomingMessage): boolean {
  const key = String(request.headers['sec-websocket-key']);
  const expected = createHash('sha1')
    .update(key + GUID)
    .digest('base64');
  return headers.upgrade?.toLowerCase() === 'websocket' && headers['sec-websocket-accept'] === expected;
}
