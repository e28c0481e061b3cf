import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config/index.ts';
import type { Apps } from '../core/ports/apps.ts';
import type { Stores } from '../core/ports/stores.ts';
import type { Gateway } from '../core/ports/transport.ts';
import type { Refusals } from '../core/refusals/refusals.ts';
import { refuseOtherMethods } from '../http/methods.ts';
import { addressIn, type AddressParts, type Purpose, PURPOSES } from '../transports/http-fallback/address.ts';
import { answerPreflight } from '../transports/http-fallback/answers.ts';
import { HttpFallbackTransport } from '../transports/http-fallback/transport.ts';
import { PeerReader } from '../transports/peer.ts';
import { maxLingering } from './entrances/http.ts';
import { unavailability } from './entrances/unavailability.ts';

/** Type under which Fastify passes a body on without reading it. */
const UNREAD = 'application/octet-stream';
/** Paths of a session, in front of its key: clients put `/pusher` there unless they are told otherwise (SPEC 10.3). */
const BASES = ['/pusher', '', '/pusher/t/:tab', '/t/:tab'];

interface FallbackParts {
  readonly config: Config;
  readonly core: {
    readonly gateway: Gateway;
    readonly heap: { readonly isFull: boolean };
    readonly apps: Pick<Apps, 'isKnown'>;
    readonly refusals: Refusals;
  };
  readonly stores: Stores;
  readonly shutdown: { readonly isClosing: boolean };
}

/** Serves the HTTP fallback at the port of the clients, with and without the path prefix, unless it is turned off (SPEC 10). */
export function openHttpFallback(http: FastifyInstance, parts: FallbackParts): void {
  const { httpFallback, path } = parts.config;
  if (!httpFallback) return;
  const transport = openTransport(parts);
  http.addHook('onClose', (_, done) => {
    transport.stop();
    done();
  });
  for (const prefix of path === '' ? [''] : ['', `/${path}`])
    void http.register(
      (scope, _, done) => {
        leaveBodiesUnread(scope);
        for (const base of BASES) registerSession(scope, `${base}/app/:key/:server/:session`, transport);
        done();
      },
      { prefix },
    );
}

function openTransport({ config, core, stores, shutdown }: FallbackParts): HttpFallbackTransport {
  const { gateway, refusals } = core;
  return new HttpFallbackTransport({
    gateway,
    unavailableFor: unavailability(config, core, shutdown),
    peers: new PeerReader(config.trustedProxies),
    nodes: stores.sessionNodes,
    limits: {
      awayMs: config.fallbackAwaySeconds * 1000,
      heartbeatMs: config.fallbackHeartbeatSeconds * 1000,
      queuedWrites: config.fallbackQueue,
      waitingMessages: config.fallbackWaitingMessages,
      waitingBytes: config.maxBufferBytes,
      closedSessions: maxLingering(config),
      closedBytes: config.maxBufferTotalBytes,
    },
    maxSessions: config.maxConnections,
    messageBytes: config.largest.messageBytes,
    refusals,
  });
}

/** Leaves the body of a request to the transport, whatever its type is. */
function leaveBodiesUnread(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser(UNREAD, (_request, _body, done) => done(null));
  scope.addHook('onRequest', ({ raw }, _, done) => {
    raw.headers['content-type'] = UNREAD;
    done();
  });
}

function registerSession(scope: FastifyInstance, base: string, transport: HttpFallbackTransport): void {
  for (const purpose of PURPOSES) {
    const url = `${base}/${purpose}`;
    scope.post(url, (request, reply) => serve(transport, purpose, request, reply));
    scope.options(url, (request, reply) => {
      reply.hijack();
      answerPreflight(request.raw, reply.raw);
    });
    refuseOtherMethods(scope, url, 'OPTIONS', 'POST');
  }
}

function serve(
  transport: HttpFallbackTransport,
  purpose: Purpose,
  { raw: request, params }: FastifyRequest,
  reply: FastifyReply,
): void {
  reply.hijack();
  const { raw: response } = reply;
  const address = addressIn(params as AddressParts);
  if (address === undefined) return transport.refusePath(request, response);
  const exchange = { request, response, address };
  if (purpose === 'xhr_send') void transport.send(exchange);
  else void transport.receive(exchange, purpose === 'xhr' ? 'xhr_polling' : purpose);
}
