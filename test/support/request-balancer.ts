import { once } from 'node:events';
import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http';

/** An HTTP proxy that lets no WebSocket through, and a load balancer without stickiness: each request goes to the next node. */
export interface RequestBalancer {
  readonly port: number;
  /** Requests of each node. */
  readonly counts: readonly number[];
  close(): Promise<void>;
}

export async function startRequestBalancer(ports: () => readonly number[]): Promise<RequestBalancer> {
  let next = 0;
  const counts: number[] = ports().map(() => 0);
  const forward = (incoming: IncomingMessage, response: ServerResponse): void => {
    if (incoming.headers.upgrade !== undefined) return void response.writeHead(403).end();
    const at = (next += 1) % ports().length;
    counts[at] = (counts[at] ?? 0) + 1;
    const { method, url: path, headers } = incoming;
    const outgoing = send({ host: '127.0.0.1', port: ports()[at], method, path, headers, agent: false });
    outgoing.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    response.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  };
  const server = createServer(forward);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    counts,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
