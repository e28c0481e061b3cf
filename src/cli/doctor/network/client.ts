import type { IncomingMessage } from 'node:http';
import { isJsonObject, parseJson, signChannel, type Credential } from '#protocol';
import { openClientSocket } from '../../../cutover/client/client-socket.ts';
import { readServerFrame } from '../../../cutover/client/read-frame.ts';
import type { ServerFrame } from '../../../cutover/client/server-frame.ts';
import { refusalIn, socketIdIn } from '../../../cutover/probe/probe-frame.ts';
import { within } from '../../../core/util/time.ts';
import type { Answer } from './answer-kind.ts';
import { type FaultReport, faultOf } from './faults.ts';
import { peerOf, type Site } from './site.ts';

const CLIENT = 'wavehall-doctor';
const MAX_PAGE_BYTES = 4096;

export interface ConnectOptions {
  readonly site: Site;
  readonly key: string;
  /** Origin of the page, as browsers send it. */
  readonly origin: string | undefined;
  readonly timeoutMs: number;
}

/** Why there is no connection. `answer`: HTTP in place of a WebSocket; `refusal`: an error of the protocol, or a close code. */
export type ConnectFailure =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'fault'; readonly report: FaultReport }
  | { readonly kind: 'refusal'; readonly code: number | undefined; readonly message: string };

export type ConnectOutcome = { readonly kind: 'open'; readonly client: Client } | ConnectFailure;

type Awaited = (frame: ServerFrame) => boolean;

/** A browser's connection, for the checks: frames are looked at once, and kept until somebody waits for them. */
export class Client {
  readonly #socket: ReturnType<typeof openClientSocket>;
  readonly #frames: ServerFrame[] = [];
  #notify: () => void = () => undefined;
  #failure: ConnectFailure | undefined;
  #socketId = '';
  /** Program that the server names in its answer to the upgrade. */
  poweredBy: string | undefined;

  private constructor({ site, key, origin, timeoutMs }: ConnectOptions) {
    this.#socket = openClientSocket(
      { ...peerOf(site), origin },
      { key, client: CLIENT, handshakeMs: timeoutMs },
    );
    this.#socket.on('message', (data: Buffer) => this.#received(data.toString('utf8')));
    this.#socket.on('upgrade', ({ headers }: IncomingMessage) => {
      const name = headers['x-powered-by'] ?? (headers.uwebsockets === undefined ? undefined : 'soketi');
      this.poweredBy = typeof name === 'string' ? name : undefined;
    });
    this.#socket.on('unexpected-response', (request, response: IncomingMessage) => {
      void answerOf(response, timeoutMs).then((answer) => {
        this.#fail({ kind: 'answer', answer });
        request.destroy();
      });
    });
    this.#socket.on('error', (error) => {
      void faultOf(error, site.url, timeoutMs).then((report) => this.#fail({ kind: 'fault', report }));
    });
    this.#socket.on('close', (code, reason) => {
      // A connection that was never open has an error, which says more.
      if (code !== 1006 || this.#socketId !== '')
        this.#fail({ kind: 'refusal', code, message: reason.toString('utf8') });
    });
  }

  /** Connects and waits for the greeting. Never rejects. */
  static async open(options: ConnectOptions): Promise<ConnectOutcome> {
    const client = new Client(options);
    const greeting = await client.waitFor(
      (frame) => socketIdIn(frame) !== undefined || refusalIn(frame) !== undefined,
      options.timeoutMs * 2,
    );
    const refusal = greeting && refusalIn(greeting);
    client.#socketId = (greeting && socketIdIn(greeting)) ?? '';
    if (client.#socketId !== '') return { kind: 'open', client };
    client.close();
    if (refusal !== undefined) return { kind: 'refusal', ...refusal };
    return client.#failure ?? { kind: 'fault', report: { fault: 'timeout', reason: 'no greeting' } };
  }

  /** The reason for which the connection ended; `undefined` while it is open. */
  get failure(): ConnectFailure | undefined {
    return this.#failure;
  }

  /** Subscribes to a private channel. Returns the answer of the server; `undefined`: there is none in time. */
  async subscribe(
    credential: Credential,
    channel: string,
    timeoutMs: number,
  ): Promise<ServerFrame | undefined> {
    const auth = signChannel(credential, this.#socketId, channel);
    this.#send('pusher:subscribe', { channel, auth });
    return this.waitFor(
      (frame) =>
        refusalIn(frame) !== undefined ||
        (frame.event === 'pusher_internal:subscription_succeeded' && frame.channel === channel),
      timeoutMs,
    );
  }

  /** The next frame that fits; `undefined` when none came in time, or when the connection ended. */
  async waitFor(fits: Awaited, timeoutMs: number): Promise<ServerFrame | undefined> {
    const untilMs = Date.now() + timeoutMs;
    for (;;) {
      const at = this.#frames.findIndex(fits);
      if (at !== -1) return this.#frames.splice(at, 1)[0];
      const leftMs = untilMs - Date.now();
      if (leftMs <= 0 || this.#failure !== undefined) return undefined;
      await within(new Promise<void>((resolve) => (this.#notify = resolve)), leftMs);
    }
  }

  close(): void {
    this.#socket.terminate();
  }

  #received(text: string): void {
    const frame = readServerFrame(text);
    if (frame === undefined) return;
    if (frame.event === 'pusher:ping') this.#send('pusher:pong', {});
    else if (this.#frames.length < 100) this.#frames.push(frame);
    this.#notify();
  }

  #fail(failure: ConnectFailure): void {
    this.#failure ??= failure;
    this.#notify();
  }

  #send(event: string, data: object): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify({ event, data }));
  }
}

/** Reads the beginning of an answer. */
async function answerOf(response: IncomingMessage, timeoutMs: number): Promise<Answer> {
  const chunks: Buffer[] = [];
  const read = new Promise<void>((resolve) => {
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_PAGE_BYTES) resolve();
    });
    response.on('end', resolve);
    response.on('error', () => resolve());
    response.on('close', resolve);
  });
  await within(read, timeoutMs);
  const text = Buffer.concat(chunks).subarray(0, MAX_PAGE_BYTES).toString('utf8');
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

/** Fields of the data of an event, which may be text. */
export function dataOf({ data }: ServerFrame): Readonly<Record<string, unknown>> {
  const value = typeof data === 'string' ? parseJson(data) : data;
  return isJsonObject(value) ? value : {};
}
