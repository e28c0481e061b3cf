import { createHash } from 'node:crypto';
import { IncomingMessage, STATUS_CODES } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { WebSocketServer } from 'ws';
import { HttpError, StandInApi, type Reply, type Request } from './api.ts';
import { StandInChannels } from './channels.ts';
import type { Settings, StandInApp } from './settings.ts';
import { StandInSocket, errorFrame } from './socket.ts';

const END = '\r\n\r\n';

/** Parses a request; undefined while it is incomplete. */
const parse = (bytes: Buffer): (Request & { rest: Buffer }) | undefined => {
  const end = bytes.indexOf(END);
  if (end < 0) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const [method = '', target = '', version = ''] = first.split(' ');
  if (!version.startsWith('HTTP/')) throw new HttpError(400, 'Bad request.');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const body = bytes.subarray(end + END.length);
  if (body.length < Number(headers['content-length'] ?? 0)) return undefined;
  const [path = '', query = ''] = target.split('?', 2);
  return { method, path, query, headers, body: body.toString('utf8'), rest: body };
};

/** Encodes an answer. Reverb writes JSON and plain text answers in different formats. */
const encode = (reply: Reply): string => {
  if ('text' in reply) {
    const reason = reply.status === 413 ? 'Request Entity Too Large' : (STATUS_CODES[reply.status] ?? '');
    const allow = reply.allow === undefined ? '' : `Allow: ${reply.allow}\r\n`;
    return `HTTP/1.1 ${reply.status} ${reason}\r\n${allow}\r\n${reply.text}`;
  }
  const reason = STATUS_CODES[reply.status] ?? '';
  return [
    `HTTP/1.0 ${reply.status} ${reason}`,
    'Cache-Control:  no-cache, private',
    `Content-Length: ${Buffer.byteLength(reply.json)}`,
    'Content-Type:   application/json',
    `Date:           ${new Date().toUTCString()}`,
    '',
    reply.json,
  ].join('\r\n');
};

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

const NEVER_NEGOTIATED = new Set(['sec-websocket-extensions', 'sec-websocket-protocol']);

/** Answer to an upgrade request on a route other than `/app/{key}`: Reverb upgrades it, then fails. */
const upgradeHead = (nonce: string): string =>
  [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${createHash('sha1')
      .update(nonce + GUID)
      .digest('base64')}`,
    'X-Powered-By: Laravel Reverb',
  ].join('\r\n');

/**
 * Server that answers like Laravel Reverb 1.10.2 without Redis, including its deviations from the protocol, which
 * test/conformance/reverb-differences.ts lists. One request per connection; a WebSocket ends without a close frame.
 */
export class ReverbStandIn {
  readonly #settings: Settings;
  readonly #server: Server;
  readonly #channels = new Map<StandInApp, StandInChannels>();
  readonly #sockets = new Set<StandInSocket>();
  readonly #tcp = new Set<Socket>();
  readonly #upgrades = new WebSocketServer({ noServer: true, clientTracking: false });
  readonly #api: StandInApi;
  #sweeps: NodeJS.Timeout | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#api = new StandInApi(settings, (app) => this.#channelsOf(app));
    this.#upgrades.on('headers', (headers) => headers.push('X-Powered-By: Laravel Reverb'));
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Resolves with the port. */
  async listen(): Promise<number> {
    this.#server.listen(this.#settings.port, this.#settings.host);
    await once(this.#server, 'listening');
    this.#sweeps = setInterval(() => this.#sweep(), this.#settings.sweepMs);
    return (this.#server.address() as { port: number }).port;
  }

  /** Closes all sockets without a close frame. */
  async close(): Promise<void> {
    clearInterval(this.#sweeps);
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.end();
    for (const tcp of this.#tcp) tcp.destroySoon();
    await closed;
  }

  #channelsOf(app: StandInApp): StandInChannels {
    const channels = this.#channels.get(app) ?? new StandInChannels();
    this.#channels.set(app, channels);
    return channels;
  }

  /** Pings idle sockets. Like Reverb, only those with a channel. */
  #sweep(): void {
    for (const channels of this.#channels.values())
      for (const peer of channels.connections().keys()) if (peer instanceof StandInSocket) peer.sweep();
  }

  #accept(tcp: Socket): void {
    this.#tcp.add(tcp);
    tcp.on('close', () => this.#tcp.delete(tcp));
    tcp.on('error', () => undefined);
    tcp.setNoDelay(true);
    let buffer = Buffer.alloc(0);
    const read = (chunk: Buffer): void => {
      buffer = Buffer.concat([buffer, chunk]);
      try {
        if (buffer.length > this.#settings.maxRequestSize) throw new HttpError(413, 'Payload too large.');
        const request = parse(buffer);
        if (request === undefined) return;
        tcp.off('data', read);
        this.#dispatch(request, request.rest, tcp);
      } catch (error) {
        tcp.off('data', read);
        const failure = error instanceof HttpError ? error : new HttpError(500, 'Internal server error.');
        tcp.resume().end(encode({ status: failure.status, text: failure.message }));
      }
    };
    tcp.on('data', read);
  }

  #dispatch(request: Request, rest: Buffer, tcp: Socket): void {
    const path = this.#pathOf(request);
    const key = /^\/app\/([^/]+)$/.exec(path ?? '')?.[1];
    const isSocket = key !== undefined && (request.method === 'GET' || request.method === 'HEAD');
    const nonce = request.headers['sec-websocket-key'];
    if (!isSocket && nonce !== undefined && path !== undefined && this.#api.hasRoute(request.method, path)) {
      tcp.write(`${upgradeHead(nonce)}${END}`);
      throw new HttpError(500, 'Internal server error.');
    }
    if (!isSocket) return void tcp.resume().end(encode(this.#reply(request, path)));
    if (request.headers.upgrade === undefined) throw new HttpError(500, 'Internal server error.');
    this.#upgrade(request, rest, tcp, key);
  }

  #pathOf({ path }: Request): string | undefined {
    if (!path.startsWith(this.#settings.path)) return undefined;
    try {
      return decodeURIComponent(path.slice(this.#settings.path.length));
    } catch {
      return undefined;
    }
  }

  #reply(request: Request, path: string | undefined): Reply {
    const notFound: Reply = { status: 404, text: 'Not found.' };
    if (path === undefined) return notFound;
    if (/^\/app\/[^/]+$/.test(path)) return { status: 405, text: 'Method not allowed.', allow: 'GET' };
    return this.#api.answer(request, path) ?? notFound;
  }

  #upgrade(request: Request, rest: Buffer, tcp: Socket, key: string): void {
    const incoming = new IncomingMessage(tcp);
    incoming.method = 'GET';
    incoming.headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => !NEVER_NEGOTIATED.has(name)),
    );
    this.#upgrades.handleUpgrade(incoming, tcp, rest, (ws) => {
      const app = this.#settings.apps.find((each) => each.key === key);
      if (app === undefined) {
        ws.on('error', () => undefined);
        ws.send(errorFrame(4001, 'Application does not exist'));
        return void tcp.end();
      }
      const socket = new StandInSocket(app, this.#channelsOf(app), this.#settings, ws, tcp);
      this.#sockets.add(socket);
      ws.on('close', () => this.#sockets.delete(socket));
      socket.open(request.headers.origin);
    });
  }
}
