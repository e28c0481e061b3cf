import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';

interface Listener {
  readonly server: HttpServer;
}

/** Makes every answer ask its client to close the connection, so that publishers move on to another server (SPEC 2.13). */
export function endKeptConnections({ server }: Listener): void {
  server.prependListener('request', (_: IncomingMessage, answer: ServerResponse) => {
    answer.shouldKeepAlive = false;
  });
}

/** Refuses new connections, without closing those that are open: a request may be on its way on each of them. */
export function stopListening({ server }: Listener): void {
  // The method of the HTTP server would close connections without a request as well.
  if (server.listening) NetServer.prototype.close.call(server);
}
