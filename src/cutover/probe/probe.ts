import { performance } from 'node:perf_hooks';
import WebSocket from 'ws';
import { signChannel } from '#protocol';
import { openClientSocket } from '../client/client-socket.ts';
import { readServerFrame } from '../client/read-frame.ts';
import { isInternal, type ServerFrame } from '../client/server-frame.ts';
import { refusalIn, socketIdIn } from './probe-frame.ts';
import { hasMember, type ProbeSite } from './probe-site.ts';

const PROBE_CLIENT = 'wavehall-probe';

/** Refusal of a server that was reached. */
export class ProbeRefused extends Error {
  override readonly name = 'ProbeRefused';
  readonly code: number | undefined;

  constructor(message: string, code?: number) {
    super(code === undefined ? message : `${message} (${code})`);
    this.code = code;
  }

  /** True when a retry does not help: the request itself is wrong (SPEC 2.14). */
  get isPermanent(): boolean {
    return this.code !== undefined && this.code >= 4000 && this.code < 4100 && this.code !== 4004;
  }
}

/** An event of a channel; frames of the protocol itself are left out. */
export interface ReceivedEvent {
  readonly name: string;
  readonly channel: string;
  readonly data: unknown;
  readonly userId: string | undefined;
  /** Time of arrival (`performance.now`). */
  readonly atMs: number;
}

export interface ProbeOptions {
  readonly timeoutMs: number;
  readonly received: (event: ReceivedEvent) => void;
  /** Ends the probe at any time. */
  readonly signal?: AbortSignal | undefined;
}

export interface ProbeMember {
  readonly userId: string;
  readonly info: object;
}

interface PendingAnswer {
  readonly accept: (frame: ServerFrame) => boolean;
  readonly reject: (error: Error) => void;
}

/** A client of one server, as a browser is one: subscribes, and reports the events that it receives. */
export class Probe {
  readonly #site: ProbeSite;
  readonly #socket: WebSocket;
  readonly #options: ProbeOptions;
  readonly #pending = new Set<PendingAnswer>();
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
        for (const each of [...this.#pending]) each.reject(this.#end);
        options.signal?.removeEventListener('abort', onAbort);
        resolve();
      });
    });
  }

  /** Resolves after `connection_established`; rejects with `ProbeRefused` when the server refuses. */
  static async open(site: ProbeSite, options: ProbeOptions): Promise<Probe> {
    const { key } = site.credential;
    const socket = openClientSocket(site, { key, client: PROBE_CLIENT, handshakeMs: options.timeoutMs });
    const probe = new Probe(site, socket, options);
    try {
      await probe.#waitFor('greeting', (frame) => {
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

  /** Resolves when the connection has ended, at either end. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /** Subscribes with a signature, which public channels ignore. One at a time: some servers do not name the channel that they refuse. */
  async subscribe(channel: string, member?: ProbeMember): Promise<void> {
    const channelData = member && JSON.stringify({ user_id: member.userId, user_info: member.info });
    const auth = signChannel(this.#site.credential, this.#socketId, channel, channelData);
    const answer = this.#waitFor(`answer to the subscription of ${channel}`, (frame) => {
      if ((frame.channel ?? channel) === channel) throwRefusal(frame);
      return frame.event === 'pusher_internal:subscription_succeeded' && frame.channel === channel;
    });
    this.#send('pusher:subscribe', { channel, auth, ...(channelData && { channel_data: channelData }) });
    await answer;
  }

  /** True when the server's HTTP API lists the user on a presence channel. */
  hasMember(channel: string, userId: string): Promise<boolean> {
    return hasMember(this.#site, channel, userId, this.#options.timeoutMs);
  }

  /** Pings; resolves when everything that the server sent before its pong has been received. */
  async roundTrip(): Promise<void> {
    const answer = this.#waitFor('pong', ({ event }) => event === 'pusher:pong');
    this.#send('pusher:ping', {});
    await answer;
  }

  /** Ends at once; resolves when the connection has ended. */
  async close(): Promise<void> {
    this.#socket.terminate();
    await this.#closed;
  }

  #send(event: string, data: object): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ event, data }));
  }

  #received(text: string): void {
    const atMs = performance.now();
    const frame = readServerFrame(text);
    if (frame === undefined) return;
    if (frame.event === 'pusher:ping') return this.#send('pusher:pong', {});
    for (const each of [...this.#pending]) if (each.accept(frame)) return;
    const { event: name, channel, data, userId } = frame;
    if (channel === undefined || isInternal(name)) return;
    this.#options.received({ name, channel, data, userId, atMs });
  }

  /** Resolves with the first frame for which `isAnswer` is true; rejects on what it throws, a close and a timeout. */
  #waitFor(what: string, isAnswer: (frame: ServerFrame) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        clearTimeout(timer);
        this.#pending.delete(pending);
        end();
      };
      const fail = (error: Error): void => settle(() => reject(error));
      const { timeoutMs } = this.#options;
      const timer = setTimeout(() => fail(new Error(`no ${what} in ${timeoutMs} ms`)), timeoutMs);
      const accept = (frame: ServerFrame): boolean => {
        try {
          if (!isAnswer(frame)) return false;
          settle(resolve);
        } catch (error) {
          fail(error as Error);
        }
        return true;
      };
      const pending = { accept, reject: fail };
      this.#pending.add(pending);
      if (!this.#isOpen) fail(this.#end);
    });
  }
}

/** Throws when the server refuses something with this frame. */
function throwRefusal(frame: ServerFrame): void {
  const refusal = refusalIn(frame);
  if (refusal !== undefined) throw new ProbeRefused(refusal.message, refusal.code);
}
