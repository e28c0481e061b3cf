import { performance } from 'node:perf_hooks';
import WebSocket from 'ws';
import { signChannel } from '#protocol';
import { openClientSocket } from '../client/client-socket.ts';
import { readServerFrame } from '../client/read-frame.ts';
import { isInternal, type ServerFrame } from '../client/server-frame.ts';
import { refusalIn, socketIdIn } from './probe-frame.ts';
import { hasMember, type ProbeSite } from './probe-site.ts';

const CLIENT = 'wavehall-probe';

/** A server that was reached said no. */
export class ProbeRefused extends Error {
  override readonly name = 'ProbeRefused';
  readonly code: number | undefined;

  constructor(message: string, code?: number) {
    super(code === undefined ? message : `${message} (${code})`);
    this.code = code;
  }

  /** Asking again will not help: what was asked for is wrong (SPEC 2.14). */
  get isPermanent(): boolean {
    return this.code !== undefined && this.code >= 4000 && this.code < 4100 && this.code !== 4004;
  }
}

/** An event of a channel as it arrived; the server's own frames are not among them. */
export interface ReceivedEvent {
  readonly name: string;
  readonly channel: string;
  readonly data: unknown;
  readonly userId: string | undefined;
  /** Of a clock that all probes of this process share. */
  readonly atMs: number;
}

export interface ProbeOptions {
  readonly timeoutMs: number;
  readonly heard: (arrival: ReceivedEvent) => void;
  /** Ends the probe at any moment of its life. */
  readonly signal?: AbortSignal | undefined;
}

export interface ProbeMember {
  readonly userId: string;
  readonly info: object;
}

interface Waiting {
  readonly takes: (frame: ServerFrame) => boolean;
  readonly refuse: (error: Error) => void;
}

/** A client of one server, as a browser would be one: it listens, and says what it heard. */
export class Probe {
  readonly #site: ProbeSite;
  readonly #socket: WebSocket;
  readonly #options: ProbeOptions;
  readonly #waiting = new Set<Waiting>();
  #socketId = '';
  #isOpen = true;
  #end: Error = new Error('closed');
  readonly #closed: Promise<void>;

  private constructor(site: ProbeSite, socket: WebSocket, options: ProbeOptions) {
    this.#site = site;
    this.#socket = socket;
    this.#options = options;
    socket.on('message', (data: Buffer) => this.#received(data.toString('utf8')));
    socket.on('error', (error) => (this.#end = error));
    const onAbort = (): void => socket.terminate();
    options.signal?.addEventListener('abort', onAbort);
    this.#closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.#isOpen = false;
        if (code !== 1006) this.#end = new ProbeRefused(reason.toString('utf8') || 'closed', code);
        for (const each of [...this.#waiting]) each.refuse(this.#end);
        options.signal?.removeEventListener('abort', onAbort);
        resolve();
      });
    });
  }

  /** Resolves when the server has greeted; rejects with `ProbeRefused` when it says no. */
  static async open(site: ProbeSite, options: ProbeOptions): Promise<Probe> {
    const { key } = site.credential;
    const socket = openClientSocket(site, { key, client: CLIENT, handshakeMs: options.timeoutMs });
    const probe = new Probe(site, socket, options);
    try {
      await probe.#answer('a greeting', (frame) => {
        throwRefusal(frame);
        const socketId = socketIdIn(frame);
        if (socketId !== undefined) probe.#socketId = socketId;
        return socketId !== undefined;
      });
      return probe;
    } catch (error) {
      await probe.close();
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Resolves when the connection has ended, whoever ended it. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /** Signed whatever the channel's kind: public channels ignore it. One at a time: some servers do not name the channel that they refuse. */
  async subscribe(channel: string, member?: ProbeMember): Promise<void> {
    const channelData = member && JSON.stringify({ user_id: member.userId, user_info: member.info });
    const auth = signChannel(this.#site.credential, this.#socketId, channel, channelData);
    const answer = this.#answer(`an answer to the subscription of ${channel}`, (frame) => {
      if ((frame.channel ?? channel) === channel) throwRefusal(frame);
      return frame.event === 'pusher_internal:subscription_succeeded' && frame.channel === channel;
    });
    this.#say('pusher:subscribe', { channel, auth, ...(channelData && { channel_data: channelData }) });
    await answer;
  }

  /** Whether a user is on a presence channel now, as the server's HTTP API tells. */
  hasMember(channel: string, userId: string): Promise<boolean> {
    return hasMember(this.#site, channel, userId, this.#options.timeoutMs);
  }

  /** Resolves when everything that the server sent before its answer has been heard. */
  async settle(): Promise<void> {
    const answer = this.#answer('a pong', ({ event }) => event === 'pusher:pong');
    this.#say('pusher:ping', {});
    await answer;
  }

  /** Ends at once; resolves when it has. */
  async close(): Promise<void> {
    this.#socket.terminate();
    await this.#closed;
  }

  #say(event: string, data: object): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ event, data }));
  }

  #received(text: string): void {
    const atMs = performance.now();
    const frame = readServerFrame(text);
    if (frame === undefined) return;
    if (frame.event === 'pusher:ping') return this.#say('pusher:pong', {});
    for (const each of [...this.#waiting]) if (each.takes(frame)) return;
    const { event: name, channel, data, userId } = frame;
    if (channel === undefined || isInternal(name)) return;
    this.#options.heard({ name, channel, data, userId, atMs });
  }

  /** The first frame that `fits`; what it throws, a close and the time limit refuse it. */
  #answer(what: string, fits: (frame: ServerFrame) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
        end();
      };
      const refuse = (error: Error): void => settle(() => reject(error));
      const { timeoutMs } = this.#options;
      const timer = setTimeout(() => refuse(new Error(`no ${what} in ${timeoutMs} ms`)), timeoutMs);
      const takes = (frame: ServerFrame): boolean => {
        try {
          if (!fits(frame)) return false;
          settle(resolve);
        } catch (error) {
          refuse(error as Error);
        }
        return true;
      };
      const waiting = { takes, refuse };
      this.#waiting.add(waiting);
      if (!this.#isOpen) refuse(this.#end);
    });
  }
}

/** Throws when the server refuses something with this frame. */
function throwRefusal(frame: ServerFrame): void {
  const refusal = refusalIn(frame);
  if (refusal !== undefined) throw new ProbeRefused(refusal.message, refusal.code);
}
