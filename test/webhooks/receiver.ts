import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly atMs: number;
}

export type Answer = (response: ServerResponse, received: Received, count: number) => void;

export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(code, headers).end();

/** Real HTTP server that records requests and answers as a test wants. */
export async function startReceiver(answer: Answer = status(200)) {
  const requests: Received[] = [];
  const receiver = { answer, requests, connections: 0, url: '', port: 0, close: () => {} };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const received = { headers: request.headers, body, atMs: Date.now() };
      requests.push(received);
      receiver.answer(response, received, requests.length);
    });
  });
  server.on('connection', () => (receiver.connections += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  receiver.port = (server.address() as AddressInfo).port;
  receiver.url = `http://127.0.0.1:${receiver.port}/hook`;
  receiver.close = () => {
    server.close();
    server.closeAllConnections();
  };
  return receiver;
}

/** Channels of the events in a body. */
export const eventsIn = ({ body }: Received): { name: string; channel: string }[] => JSON.parse(body).events;
