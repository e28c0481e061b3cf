import { randomBytes } from 'node:crypto';
import { Wire, dataOf } from '../support/wire.ts';
import type { Closing, Frame, WireOptions } from '../support/wire.ts';
import { channelAuth, http, publisher, userAuth } from '../support/wire-http.ts';
import type { Answer, Endpoint, RawRequest } from '../support/wire-http.ts';
import { Difference, holds, same } from './expect.ts';

export const SUCCEEDED = 'pusher_internal:subscription_succeeded';

/** A server that was started for one case or one group of cases. */
export interface StartedServer {
  readonly endpoint: Endpoint;
  output(): string;
  kill(signal: NodeJS.Signals): void;
  close(): Promise<void>;
}

/** Differences that may appear in many cases. A run names those that it tolerates; it fails when a tolerated one never appears. */
export const FORMS = {
  F1: 'data of pusher:error is an object',
  F2: 'a refused subscription is answered with pusher:subscription_error, then pusher:error',
} as const;
export type Form = keyof typeof FORMS;

/** The forms that a run tolerates, and those of them that have appeared. */
export interface Forms {
  readonly tolerated: ReadonlySet<string>;
  readonly met: Set<string>;
}

const STRICT: Forms = { tolerated: new Set(), met: new Set() };

export interface Member {
  readonly user_id?: unknown;
  readonly user_info?: unknown;
}

/** Returns a presence member with user_info, which only cases about user_info leave out, because Reverb needs it. */
export const member = (user_id: unknown, name = 'N'): Member => ({ user_id, user_info: { name } });

interface Subscribing {
  /** `channel_data`, as text or as a value to encode. */
  readonly member?: Member | string;
  /** Sent instead of the correct signature; null leaves `auth` out. */
  readonly auth?: unknown;
}

/** Tools of a case: one app of one server, clients that are closed after the case, and exact expectations. */
export class CaseTools {
  readonly app: Endpoint;
  readonly server: StartedServer | undefined;
  readonly publisher: ReturnType<typeof publisher>;
  readonly #forms: Forms;
  readonly #wires: Wire[];
  readonly #suffix = randomBytes(3).toString('hex');

  constructor(app: Endpoint, server?: StartedServer, forms: Forms = STRICT, wires: Wire[] = []) {
    this.app = app;
    this.server = server;
    this.publisher = publisher(app);
    this.#forms = forms;
    this.#wires = wires;
  }

  /** Returns tools for another app of the same server; `cleanUp` closes its clients as well. */
  as(app: Partial<Endpoint>): CaseTools {
    return new CaseTools({ ...this.app, ...app }, this.server, this.#forms, this.#wires);
  }

  /** Returns a channel name that no other case uses. */
  name(base: string): string {
    return `${base}-${this.#suffix}`;
  }

  /** Opens a WebSocket on any path and reads none of its frames. */
  async open(path: string, options: WireOptions = {}): Promise<Wire> {
    const wire = await Wire.open(this.app, path, options);
    this.#wires.push(wire);
    return wire;
  }

  get path(): string {
    return `${this.app.prefix}/app/${this.app.key}`;
  }

  /** Connects to the app and reads the first frame, which must be `connection_established`. */
  async connect(
    query = '?protocol=7&client=js&version=8.6.0&flash=false',
    options: WireOptions = {},
  ): Promise<Wire> {
    const wire = await this.open(this.path + query, options);
    this.established(wire, await wire.first());
    return wire;
  }

  /** Checks a `connection_established` frame, stores the socket id and returns the activity timeout. */
  established(wire: Wire, frame: Frame): number {
    same(frame.event, 'pusher:connection_established', 'the first frame');
    const data = dataOf(frame) as { socket_id?: unknown; activity_timeout?: unknown } | undefined;
    holds(
      typeof data?.socket_id === 'string' && /^\d+\.\d+$/.test(data.socket_id),
      'data of connection_established',
      'a string holding a socket_id of two numbers',
      frame.data,
    );
    holds(
      Number.isInteger(data?.activity_timeout) && Number(data?.activity_timeout) >= 1,
      'activity_timeout',
      'an integer of 1 or more',
      frame.data,
    );
    wire.socketId = String(data?.socket_id);
    return Number(data?.activity_timeout);
  }

  /** Sends a subscribe with the correct signature (or the `auth` of the case), without waiting for an answer. */
  sendSubscribe(wire: Wire, channel: string, { member, auth }: Subscribing = {}): void {
    const data = member === undefined || typeof member === 'string' ? member : JSON.stringify(member);
    const signed = /^(private-|presence-)/.test(channel)
      ? channelAuth(this.app, wire.socketId, channel, data)
      : '';
    wire.send({
      event: 'pusher:subscribe',
      data: {
        channel,
        ...(auth !== null && { auth: auth ?? signed }),
        ...(data !== undefined && { channel_data: data }),
      },
    });
  }

  /** Subscribes and reads the success frame; frames before it are kept for later reads. */
  async subscribe(wire: Wire, channel: string, how: Subscribing = {}): Promise<Frame> {
    this.sendSubscribe(wire, channel, how);
    return wire.next((frame) => frame.event === SUCCEEDED && frame.channel === channel);
  }

  /** Connects and subscribes. */
  async subscriber(channel: string, how: Subscribing = {}): Promise<Wire> {
    const wire = await this.connect();
    await this.subscribe(wire, channel, how);
    return wire;
  }

  unsubscribe(wire: Wire, channel: string): void {
    wire.send({ event: 'pusher:unsubscribe', data: { channel } });
  }

  clientEvent(wire: Wire, channel: string, data: unknown, event = 'client-x'): void {
    wire.send({ event, channel, data });
  }

  signIn(wire: Wire, user: unknown): string {
    const userData = typeof user === 'string' ? user : JSON.stringify(user);
    const auth = userAuth(this.app, wire.socketId, userData);
    wire.send({ event: 'pusher:signin', data: { auth, user_data: userData } });
    return userData;
  }

  /** Connects, signs in and reads the success frame. */
  async signedIn(user: unknown): Promise<Wire> {
    const wire = await this.connect();
    this.signIn(wire, user);
    await wire.next('pusher:signin_success');
    return wire;
  }

  /** Publishes by the HTTP API; fails unless the answer is 200. */
  async publish(
    event: string,
    data: string,
    channels: string | readonly string[],
    extra: object = {},
  ): Promise<Answer> {
    const to = typeof channels === 'string' ? { channel: channels } : { channels };
    const answer = await this.publisher.post('/events', { name: event, data, ...to, ...extra });
    same(answer.status, 200, `status of publishing (${answer.text.slice(0, 100)})`);
    return answer;
  }

  get(path: string, query: readonly (readonly [string, string])[] = []): Promise<Answer> {
    return this.publisher.get(path, query);
  }

  request(wanted: RawRequest): Promise<Answer> {
    return http(this.app, wanted);
  }

  /** Returns what the API answers about one channel. */
  async channel(name: string, info = ''): Promise<unknown> {
    const answer = await this.get(`/channels/${encodeURIComponent(name)}`, info ? [['info', info]] : []);
    same(answer.status, 200, `status of GET channel (${answer.text.slice(0, 100)})`);
    return answer.json;
  }

  /** Expects an error frame with this code and message, in the form that all client libraries read. */
  error(frame: Frame | undefined, code: number, message?: string): void {
    same(frame?.event, 'pusher:error', 'event of the frame');
    const decoded = typeof frame?.data === 'string' ? dataOf(frame) : frame?.data;
    const data = decoded as { code?: unknown; message?: unknown } | undefined;
    same(data?.code, code, `code of pusher:error (${String(data?.message)})`);
    if (message !== undefined) same(data?.message, message, 'message of pusher:error');
    this.form('F1', typeof frame?.data === 'object', 'an object', frame?.data);
  }

  /** Expects that the connection is refused: one error frame, then a close frame with the same code and message. */
  async refused(wire: Wire, code: number, message?: string): Promise<void> {
    const frame = await wire.first();
    this.error(frame, code, message);
    const { frames, closing } = await wire.rest();
    same(frames, [], 'frames between the error and the close');
    const reason = (frame.data as { message?: string }).message;
    same(closing, { code, reason }, 'the close frame');
  }

  /** Expects that the subscription is refused: both frames, in order, and the socket stays open. */
  async unauthorised(wire: Wire, channel: string): Promise<void> {
    const frames = await wire.settle();
    const last = frames.at(-1);
    this.error(last, 4009, 'Connection is unauthorized');
    const first = frames.length === 2 ? frames[0] : undefined;
    this.form('F2', first !== undefined, 'two frames', frames);
    if (!first) return;
    same(first.event, 'pusher:subscription_error', 'the first frame');
    same(first.channel, channel, 'channel of pusher:subscription_error');
    const detail = { type: 'AuthError', error: 'Connection is unauthorized', status: 401 };
    same(dataOf(first), detail, 'data of pusher:subscription_error');
  }

  /** Fails when a form is not met, unless this run tolerates it. */
  form(form: Form, met: boolean, expected: string, got: unknown): void {
    if (met) return;
    if (!this.#forms.tolerated.has(form)) throw new Difference(FORMS[form], expected, JSON.stringify(got));
    this.#forms.met.add(form);
  }

  /** Expects that these clients have received nothing: sends a ping on each and reads until its pong. */
  async receivesNothing(...wires: Wire[]): Promise<void> {
    for (const wire of wires) same(await wire.settle(), [], 'frames received, where none was expected');
  }

  /** Closes every client of the case and waits until each is closed. */
  async cleanUp(): Promise<Closing[]> {
    return Promise.all(this.#wires.splice(0).map((wire) => wire.close()));
  }
}
