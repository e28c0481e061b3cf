/**
 * A server that one writes in an afternoon on top of `ws`: every event is turned into text again for every socket.
 * Beside it, on `/bare` and `/echo`, what `ws` and node:http cost with nothing on top, and for the application `bare`
 * what `socket.write` costs.
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

const say = (socket: WebSocket, event: string, channel: string | undefined, data: unknown): void =>
  socket.send(JSON.stringify({ event, channel, data: JSON.stringify(data) }));

function announce(channel: string, event: string, data: unknown): void {
  for (const socket of channels.get(channel) ?? []) say(socket, event, channel, data);
}

function enter(socket: WebSocket, { channel, channel_data: member }: Message['data']): void {
  const inside = channels.get(channel) ?? new Set();
  channels.set(channel, inside);
  if (member === undefined) {
    inside.add(socket);
    say(socket, 'pusher_internal:subscription_succeeded', channel, {});
    return;
  }
  const { user_id: id } = JSON.parse(member) as { readonly user_id: string };
  announce(channel, 'pusher_internal:member_added', JSON.parse(member));
  inside.add(socket);
  members.set(socket, id);
  const ids = [...inside].map((each) => members.get(each));
  say(socket, 'pusher_internal:subscription_succeeded', channel, {
    presence: { count: ids.length, ids, hash: {} },
  });
}

function leave(socket: WebSocket, channel: string): void {
  if (channels.get(channel)?.delete(socket) !== true) return;
  if (!channel.startsWith('presence-')) return;
  announce(channel, 'pusher_internal:member_removed', { user_id: members.get(socket) });
}

function greet(socket: WebSocket): void {
  sockets += 1;
  say(socket, 'pusher:connection_established', undefined, {
    socket_id: `${sockets}.1`,
    activity_timeout: 120,
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    for (const channel of channels.keys()) leave(socket, channel);
    members.delete(socket);
  });
  socket.on('message', (bytes: Buffer) => {
    const { event, data } = JSON.parse(bytes.toString()) as Message;
    if (event === 'pusher:subscribe') enter(socket, data);
    else if (event === 'pusher:unsubscribe') leave(socket, data.channel);
    else if (event === 'pusher:ping') say(socket, 'pusher:pong', undefined, {});
  });
}

function publish({ name, channel, channels: names = [channel ?? ''], data }: Event): void {
  for (const each of names) {
    for (const socket of channels.get(each) ?? [])
      socket.send(JSON.stringify({ event: name, channel: each, data }));
  }
}

/** Of the application `bare`: each socket receives every event. */
const crowd: Duplex[] = [];

function join(socket: WebSocket, tcp: Duplex): void {
  crowd.push(tcp);
  socket.on('close', () => crowd.splice(crowd.indexOf(tcp), 1));
  greet(socket);
}

function write({ name, channel, channels: names = [channel ?? ''], data }: Event): void {
  for (const each of names) {
    const frame = frameOf(JSON.stringify({ event: name, channel: each, data }));
    for (const tcp of crowd) tcp.write(frame);
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
      const send = request.url.startsWith('/apps/bare/') ? write : publish;
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
    else if (request.url?.startsWith('/app/bare?') === true) join(client, socket);
    else greet(client);
  }),
);
server.listen(0, '127.0.0.1', 4096, () => console.log((server.address() as AddressInfo).port));
