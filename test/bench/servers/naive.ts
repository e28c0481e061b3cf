/**
 * A naive server on top of `ws`, which encodes every event again for every socket. `/bare` and `/echo` measure `ws` and
 * node:http alone, the application `bare` measures `socket.write` alone.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';

interface Message {
  readonly event: string;
  readonly data: { readonly channel: string; readonly channel_data?: string };
}

interface Event {
  readonly name: string;
  readonly channel?: string;
  readonly channels?: readonly string[];
  readonly data: string;
}

const channels = new Map<string, Set<WebSocket>>();
const members = new Map<WebSocket, string>();
let sockets = 0;

const sendEvent = (socket: WebSocket, event: string, channel: string | undefined, data: unknown): void =>
  socket.send(JSON.stringify({ event, channel, data: JSON.stringify(data) }));

function broadcast(channel: string, event: string, data: unknown): void {
  for (const socket of channels.get(channel) ?? []) sendEvent(socket, event, channel, data);
}

function subscribe(socket: WebSocket, { channel, channel_data: member }: Message['data']): void {
  const subscribers = channels.get(channel) ?? new Set();
  channels.set(channel, subscribers);
  if (member === undefined) {
    subscribers.add(socket);
    sendEvent(socket, 'pusher_internal:subscription_succeeded', channel, {});
    return;
  }
  const { user_id: id } = JSON.parse(member) as { readonly user_id: string };
  broadcast(channel, 'pusher_internal:member_added', JSON.parse(member));
  subscribers.add(socket);
  members.set(socket, id);
  const ids = [...subscribers].map((each) => members.get(each));
  sendEvent(socket, 'pusher_internal:subscription_succeeded', channel, {
    presence: { count: ids.length, ids, hash: {} },
  });
}

function unsubscribe(socket: WebSocket, channel: string): void {
  if (channels.get(channel)?.delete(socket) !== true) return;
  if (!channel.startsWith('presence-')) return;
  broadcast(channel, 'pusher_internal:member_removed', { user_id: members.get(socket) });
}

function accept(socket: WebSocket): void {
  sockets += 1;
  sendEvent(socket, 'pusher:connection_established', undefined, {
    socket_id: `${sockets}.1`,
    activity_timeout: 120,
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    for (const channel of channels.keys()) unsubscribe(socket, channel);
    members.delete(socket);
  });
  socket.on('message', (bytes: Buffer) => {
    const { event, data } = JSON.parse(bytes.toString()) as Message;
    if (event === 'pusher:subscribe') subscribe(socket, data);
    else if (event === 'pusher:unsubscribe') unsubscribe(socket, data.channel);
    else if (event === 'pusher:ping') sendEvent(socket, 'pusher:pong', undefined, {});
  });
}

function publish({ name, channel, channels: names = [channel ?? ''], data }: Event): void {
  for (const each of names) {
    for (const socket of channels.get(each) ?? [])
      socket.send(JSON.stringify({ event: name, channel: each, data }));
  }
}

/** Sockets of the application `bare`, each of which receives every event. */
const bareSockets: Duplex[] = [];

function acceptBare(socket: WebSocket, tcp: Duplex): void {
  bareSockets.push(tcp);
  socket.on('close', () => bareSockets.splice(bareSockets.indexOf(tcp), 1));
  accept(socket);
}

function publishBare({ name, channel, channels: names = [channel ?? ''], data }: Event): void {
  for (const each of names) {
    const frame = frameOf(JSON.stringify({ event: name, channel: each, data }));
    for (const tcp of bareSockets) tcp.write(frame);
  }
}

function frameOf(text: string): Buffer {
  const { length } = Buffer.from(text);
  const head = length < 126 ? [0x81, length] : [0x81, 126, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(head), Buffer.from(text)]);
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    if (request.url?.startsWith('/apps/') === true) {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Event & {
        readonly batch?: readonly Event[];
      };
      const send = request.url.startsWith('/apps/bare/') ? publishBare : publish;
      for (const event of body.batch ?? [body]) send(event);
    }
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '2' }).end('{}');
  });
}

const server = createServer(answer);
const upgrades = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false });
server.on('upgrade', (request, socket, head) =>
  upgrades.handleUpgrade(request, socket, head, (client) => {
    if (request.url === '/bare') client.on('error', () => undefined);
    else if (request.url?.startsWith('/app/bare?') === true) acceptBare(client, socket);
    else accept(client);
  }),
);
server.listen(0, '127.0.0.1', 4096, () => console.log((server.address() as AddressInfo).port));
