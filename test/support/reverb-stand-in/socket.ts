import { randomInt } from 'node:crypto';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { ProtocolError, type Peer, type StandInChannels } from './channels.ts';
import { asText, isArray, isEmpty, isLike, phpJson } from './php.ts';
import type { Settings, StandInApp } from './settings.ts';

/** Encodes a frame. Absent data, an absent channel and an empty channel name are left out. */
const frame = (event: string, channel?: string, data?: string): string =>
  phpJson({ event, ...(data !== undefined && { data }), ...(!isEmpty(channel) && { channel }) });

export const errorFrame = (code: number, message: string): string =>
  phpJson({ event: 'pusher:error', data: phpJson({ code, message }) });

const isJson = (text: unknown): text is string => {
  if (typeof text !== 'string') return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

const isFilledText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';

type Message = Record<string, unknown> & { event: string };

const decode = (text: string): Message => {
  const message: unknown = JSON.parse(text);
  if (!isArray(message)) throw new TypeError('not an object');
  const data = message.data;
  const decoded: Record<string, unknown> = {
    ...message,
    ...(isJson(data) && { data: JSON.parse(data) as unknown }),
  };
  if (!isFilledText(decoded.event)) throw new Error('The event field is required.');
  return decoded as Message;
};

/** One WebSocket connection, with Reverb's answers. */
export class StandInSocket implements Peer {
  readonly id = `${randomInt(1, 1_000_000_000)}.${randomInt(1, 1_000_000_000)}`;
  readonly #app: StandInApp;
  readonly #channels: StandInChannels;
  readonly #settings: Settings;
  readonly #tcp: Socket;
  readonly #ws: WebSocket;
  #lastReceivedMs = Date.now();
  #isPinged = false;
  #usesControlFrames = false;
  #attempts: number[] = [];

  constructor(app: StandInApp, channels: StandInChannels, settings: Settings, ws: WebSocket, tcp: Socket) {
    this.#app = app;
    this.#channels = channels;
    this.#settings = settings;
    this.#ws = ws;
    this.#tcp = tcp;
    ws.on('message', (data: Buffer) => this.#message(data));
    ws.on('error', () => undefined);
    for (const kind of ['ping', 'pong'] as const)
      ws.on(kind, () => {
        this.#usesControlFrames = true;
        this.#touch();
      });
    ws.on('close', () => channels.leaveAll(this));
  }

  /** Like Reverb, sends an error for a forbidden origin or a connection over the limit, but keeps the socket open. */
  open(origin: string | undefined): void {
    const { maxConnections, allowedOrigins } = this.#settings;
    try {
      if (maxConnections !== undefined && this.#channels.connections().size >= maxConnections)
        throw new ProtocolError(4004, 'Application is over connection quota');
      if (!allowedOrigins.includes('*') && !allowedOrigins.some((each) => isLike(each, hostOf(origin))))
        throw new ProtocolError(4009, 'Origin not allowed');
      this.#establish();
    } catch (error) {
      this.#fail(error);
    }
  }

  send(text: string): void {
    if (this.#tcp.writable) this.#ws.send(text);
  }

  /** Ends TCP without a close frame. */
  end(): void {
    this.#tcp.end();
  }

  /** Pings an idle socket; closes one that has not answered the last ping. Runs once a minute. */
  sweep(): void {
    if (Date.now() < this.#lastReceivedMs + this.#settings.pingIntervalS * 1000) return;
    if (this.#isPinged) {
      this.send(errorFrame(4201, 'Pong reply not received in time'));
      this.#channels.leaveAll(this);
      this.end();
      return;
    }
    if (this.#usesControlFrames) this.#ws.ping();
    else this.send(frame('pusher:ping'));
    this.#isPinged = true;
  }

  #establish(): void {
    const data = { socket_id: this.id, activity_timeout: this.#settings.activityTimeoutS };
    this.send(frame('pusher:connection_established', undefined, phpJson(data)));
  }

  #touch(): void {
    this.#lastReceivedMs = Date.now();
    this.#isPinged = false;
  }

  #message(data: Buffer): void {
    if (data.length > this.#settings.maxMessageSize && this.#settings.maxMessageSize > 0)
      return this.#ws.close(1009, 'Maximum message size exceeded');
    this.#touch();
    try {
      this.#limit();
      const message = decode(data.toString('utf8'));
      if (message.event.startsWith('pusher:')) this.#pusher(message);
      else this.#clientEvent(message);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (error instanceof ProtocolError) this.send(errorFrame(error.code, error.message));
    else this.send(errorFrame(4200, 'Invalid message format'));
  }

  #limit(): void {
    const { rate } = this.#settings;
    if (rate === undefined) return;
    const since = Date.now() - rate.seconds * 1000;
    this.#attempts = this.#attempts.filter((atMs) => atMs > since);
    if (this.#attempts.length >= rate.attempts) {
      if (rate.ends) this.end();
      throw new ProtocolError(4301, 'Rate limit exceeded');
    }
    this.#attempts.push(Date.now());
  }

  #pusher({ event, data }: Message): void {
    const payload = isEmpty(data) ? {} : data;
    if (!isArray(payload)) throw new TypeError('data is not an object');
    switch (event.slice('pusher:'.length)) {
      case 'connection_established':
        return this.#establish();
      case 'subscribe':
        return this.#subscribe(payload);
      case 'unsubscribe': {
        const channel = this.#channels.find(textOf(payload.channel));
        if (channel) this.#channels.leave(channel, this);
        return;
      }
      case 'ping':
        return this.send(frame('pusher:pong'));
      case 'pong':
        return;
      default:
        throw new Error('Unknown Pusher event');
    }
  }

  #subscribe(payload: Record<string, unknown>): void {
    const [auth, data] = [asText(payload.auth), asText(payload.channel_data)];
    const name = textOf(payload.channel);
    if (data !== undefined && data !== '' && !isJson(data)) throw new Error('channel_data is not JSON');
    const channel = this.#channels.findOrCreate(name);
    channel.subscribe(this, this.#app, auth, data);
    this.send(frame('pusher_internal:subscription_succeeded', name, channel.succeededData()));
    if (!channel.isCache) return;
    if (channel.cached) this.send(phpJson(channel.cached));
    else this.send(frame('pusher:cache_miss', name));
  }

  #clientEvent(message: Message): void {
    const { event, channel: name, data = null } = message;
    if (!isFilledText(name) || !(data === null || data === '' || isArray(data))) throw new Error('invalid');
    if (!event.startsWith('client-')) return;
    const mode = this.#settings.acceptClientEventsFrom;
    if (mode !== 'all' && mode !== 'members')
      throw new ProtocolError(4301, 'The app does not have client messaging enabled.');
    if (mode === 'all') {
      const { channels, ...payload } = message;
      return this.#channels.publish(Array.isArray(channels) ? channels : [name], payload, this);
    }
    const member = this.#channels.find(name)?.peers.get(this);
    if (member === undefined)
      throw new ProtocolError(4009, 'The client is not a member of the specified channel.');
    const user = isEmpty(member.user_id) ? {} : { user_id: member.user_id };
    this.#channels.publish([name], { event, channel: name, data, ...user }, this);
  }
}

const textOf = (value: unknown): string => {
  const text = asText(value);
  if (text === undefined) throw new TypeError('not a string');
  return text;
};

const hostOf = (origin: string | undefined): string => {
  try {
    return new URL(origin ?? '').hostname;
  } catch {
    return '';
  }
};
