import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import websocket, { type WebSocket } from '@fastify/websocket';
import { filterIn } from '../live/filter.ts';
import { type LiveSource, type LiveViewer, streamTo } from '../live/stream.ts';
import { Conflict } from '../requests.ts';

export type { LiveSource } from '../live/stream.ts';

/** Viewers of one process at the same time. */
export const MAX_VIEWERS = 10;
/** Most bytes of a message of a viewer, which is not read. */
export const MAX_MESSAGE_BYTES = 1024;
/** Time that a viewer has to close its end. */
const CLOSE_MS = 2000;

/** Emits `upgrade` for the upgrades of `/admin/live/socket` alone. */
export type LiveUpgrades = NonNullable<NonNullable<websocket.WebsocketPluginOptions['options']>['server']>;

export interface LiveOptions {
  /** `undefined`: there is no live socket. */
  readonly upgrades?: LiveUpgrades | undefined;
  /** False: whoever has sent the request may not look any more. */
  isAllowed(request: FastifyRequest): Promise<boolean>;
}

const ALWAYS: LiveOptions = { isAllowed: () => Promise.resolve(true) };

/** Adds `/live`, a stream of JSON lines (SPEC 11.5), and `/live/socket`, the same as a WebSocket (SPEC 17.5). */
export function addLiveRoute(scope: FastifyInstance, live: LiveSource, options: LiveOptions = ALWAYS): void {
  const viewers = new Viewers(live, options);
  scope.get('/live', (request, reply) => {
    viewers.admit(request);
    reply.hijack();
    viewers.serve(request, responseViewer(reply.raw), () => reply.raw.end());
  });
  if (options.upgrades !== undefined) addSocket(scope, viewers, options.upgrades);
}

function addSocket(scope: FastifyInstance, viewers: Viewers, server: LiveUpgrades): void {
  const options = { server, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false, closeTimeout: CLOSE_MS };
  void scope.register(async (sockets) => {
    await sockets.register(websocket, {
      options,
      errorHandler: (_error, socket) => socket.terminate(),
      // The streams end with the process, and their sockets with them.
      preClose: (done) => done(),
    });
    // Before the handshake, so that a refusal is an answer of HTTP.
    sockets.addHook('preHandler', (request, _reply, done) => {
      viewers.admit(request);
      done();
    });
    sockets.get('/live/socket', { websocket: true }, (socket, request) =>
      viewers.serve(request, socketViewer(socket), (isAllowed) =>
        isAllowed ? socket.close(1001, 'The server stops.') : socket.close(1008, 'The session has ended.'),
      ),
    );
  });
}

/** The viewers of this process. */
class Viewers {
  readonly #live: LiveSource;
  readonly #options: LiveOptions;
  #count = 0;

  constructor(live: LiveSource, options: LiveOptions) {
    this.#live = live;
    this.#options = options;
  }

  /** Throws for a filter that is not one, and if there is no place. */
  admit({ raw }: FastifyRequest): void {
    filterIn(raw.url ?? '');
    if (this.#count >= MAX_VIEWERS)
      throw new Conflict(`${MAX_VIEWERS} viewers look already: close one of them.`);
  }

  serve(
    request: FastifyRequest,
    viewer: Omit<LiveViewer, 'isAllowed'>,
    end: (isAllowed: boolean) => void,
  ): void {
    let allowed = true;
    const isAllowed = async (): Promise<boolean> => (allowed = await this.#options.isAllowed(request));
    this.#count += 1;
    void streamTo({ ...viewer, isAllowed }, this.#live, filterIn(request.raw.url ?? ''))
      .catch(() => undefined)
      .finally(() => {
        this.#count -= 1;
        end(allowed);
      });
  }
}

function responseViewer(answer: ServerResponse): Omit<LiveViewer, 'isAllowed'> {
  const gone = new AbortController();
  answer.on('close', () => gone.abort());
  answer.on('error', () => gone.abort());
  answer.writeHead(200, {
    'content-type': 'application/x-ndjson',
    'cache-control': 'no-store',
    // nginx would hold lines back.
    'x-accel-buffering': 'no',
  });
  answer.flushHeaders();
  return {
    gone: gone.signal,
    waitingBytes: () => answer.writableLength,
    write: (text) => void answer.write(text),
  };
}

function socketViewer(socket: WebSocket): Omit<LiveViewer, 'isAllowed'> {
  const gone = new AbortController();
  socket.on('close', () => gone.abort());
  return {
    gone: gone.signal,
    waitingBytes: () => socket.bufferedAmount,
    write: (text) => socket.send(text),
  };
}
