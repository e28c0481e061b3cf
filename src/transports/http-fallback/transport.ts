import type { IncomingMessage, ServerResponse } from 'node:http';
import { encode, errors, framing } from '#protocol';
import { ifUnavailable } from '../../core/ports/failures.ts';
import type { SessionNodes } from '../../core/ports/nodes/session-nodes.ts';
import type { Gateway, Handshake } from '../../core/ports/transport.ts';
import type { RefusalReason } from '../../core/refusals/reasons.ts';
import type { Refusals } from '../../core/refusals/refusals.ts';
import { splitTarget } from '../../core/util/http-text.ts';
import { protocolIn } from '../client-path.ts';
import { UNAVAILABLE, type UnavailableReason } from '../unavailable.ts';
import type { PeerReader } from '../peer.ts';
import { TimeSlice } from '../time-slice.ts';
import type { Address } from './address.ts';
import { answer } from './answers.ts';
import { readBody } from './body.ts';
import { lineEncoder } from './line-encoder.ts';
import type { ReceiverKind } from './receiver.ts';
import { RemoteSessions } from './remote/remote-sessions.ts';
import { ResponseReceiver } from './response-receiver.ts';
import { sentFramesIn } from './sent-frames.ts';
import { FallbackSession, type SessionContext, type SessionLimits } from './session.ts';
import { type ClosedLimits, Sessions } from './sessions.ts';

const TICK_MS = 1000;
/** The most bytes of one character of a message in JSON: `\u0041`. */
const ESCAPED_BYTES = 6;
/** `["` and `"]` around the only message of a body. */
const BRACKETS_BYTES = 4;

export interface HttpFallbackOptions {
  readonly gateway: Gateway;
  /** False: a request that would open a session is answered with 503 (SPEC 10.8). */
  readonly unavailableFor: () => UnavailableReason | undefined;
  readonly peers: PeerReader;
  readonly nodes: SessionNodes;
  readonly limits: SessionLimits & Pick<ClosedLimits, 'closedSessions' | 'closedBytes'>;
  /** Sessions of this node, those that wait for their admission included; 0: no limit. */
  readonly maxSessions: number;
  /** Largest message of any app; the gateway applies each app's own limit. */
  readonly messageBytes: number;
  readonly refusals: Pick<Refusals, 'count'>;
}

/** One request, with its answer and its path. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly address: Address;
}

/** Serves clients that cannot use WebSocket: opens a session of the gateway for each (SPEC 10). */
export class HttpFallbackTransport {
  readonly #options: HttpFallbackOptions;
  readonly #sessions: Sessions;
  readonly #remote: RemoteSessions;
  readonly #context: SessionContext;
  readonly #ticker: NodeJS.Timeout;

  constructor(options: HttpFallbackOptions) {
    const { limits, nodes } = options;
    this.#options = options;
    this.#sessions = new Sessions({ ...limits, rememberMs: limits.awayMs }, (id) => nodes.release(id));
    this.#remote = new RemoteSessions({ nodes, sessions: this.#sessions });
    this.#context = {
      limits,
      timeSlice: new TimeSlice(),
      ended: (session, lines) => {
        if (lines.length === 0) this.#sessions.remove(session);
        else this.#sessions.close(session, lines);
      },
      overflowed: ({ remoteAddress: address }, what) =>
        options.refusals.count(what === 'lines' ? 'slow_reader' : 'message_rate', { address }),
    };
    this.#ticker = setInterval(() => this.tick(TICK_MS), TICK_MS);
  }

  /** Sessions that live on this node. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Counts time for all sessions. */
  tick(passedMs: number): void {
    this.#sessions.tick(passedMs);
    this.#remote.tick(passedMs);
  }

  /** Ends what is left. */
  stop(): void {
    clearInterval(this.#ticker);
    this.#sessions.clear();
  }

  /** Serves a receiving request (SPEC 10.4). Never rejects. */
  async receive(exchange: Exchange, kind: ReceiverKind): Promise<void> {
    exchange.request.resume();
    if (this.#continue(exchange, kind)) return;
    const { nodes } = this.#options;
    const { session } = exchange.address;
    const holder = await ifUnavailable(nodes.claim(session), () => nodes.name);
    if (exchange.response.destroyed) this.#releaseUnused(session);
    else if (holder === nodes.name) this.#continueOrOpen(exchange, kind);
    else this.#continueAt(holder, exchange, kind);
  }

  /** Serves a sending request (SPEC 10.6). Never rejects. */
  async send(exchange: Exchange): Promise<void> {
    const { session } = exchange.address;
    if (this.#sessions.living(session) !== undefined) return this.#sendHere(exchange);
    const { nodes } = this.#options;
    const holder = await ifUnavailable(nodes.holderOf(session), () => undefined);
    if (holder === undefined || holder === nodes.name) return answerUnknown(exchange);
    return this.#sendTo(holder, exchange);
  }

  /** Goes on with a session of this node; false when there is none. */
  #continue({ request, response, address }: Exchange, kind: ReceiverKind): boolean {
    const session = this.#sessions.living(address.session);
    const lastLines = this.#sessions.lastLinesOf(address.session);
    if (session === undefined && lastLines === undefined) return false;
    const receiver = new ResponseReceiver(kind, request, response);
    if (session === undefined) endWith(receiver, lastLines ?? []);
    else attach(session, receiver);
    return true;
  }

  #continueAt(holder: string, exchange: Exchange, kind: ReceiverKind): void {
    const { request, response, address } = exchange;
    const receiver = new ResponseReceiver(kind, request, response);
    this.#remote.attach(holder, address.session, receiver, () => void this.#openUnknown(exchange, receiver));
  }

  /** Opens a session here that the node which was said to hold it does not know. */
  async #openUnknown(exchange: Exchange, receiver: ResponseReceiver): Promise<void> {
    const { session } = exchange.address;
    await ifUnavailable(this.#options.nodes.claim(session), () => undefined);
    if (exchange.response.destroyed) this.#releaseUnused(session);
    else this.#open(exchange, receiver);
  }

  #continueOrOpen(exchange: Exchange, kind: ReceiverKind): void {
    if (this.#continue(exchange, kind)) return;
    const { request, response, address } = exchange;
    const reason = this.#options.unavailableFor();
    if (reason === undefined) return this.#open(exchange, new ResponseReceiver(kind, request, response));
    this.#releaseUnused(address.session);
    this.#count(reason, request);
    answer(request, response, 503, UNAVAILABLE[reason]);
  }

  /** Opens a session, whose first response `receiver` is. */
  #open({ request, address }: Exchange, receiver: ResponseReceiver): void {
    const { maxSessions, peers, gateway } = this.#options;
    if (maxSessions > 0 && this.#sessions.size >= maxSessions) {
      this.#releaseUnused(address.session);
      this.#count('server_full', request);
      return endWith(receiver, FULL);
    }
    const session = new FallbackSession(address.session, receiver.kind, peers.read(request), this.#context);
    this.#sessions.add(session);
    attach(session, receiver);
    session.startSession(gateway.opened(session, handshakeOf(request, address)));
  }

  async #sendHere(exchange: Exchange): Promise<void> {
    const { request, response, address } = exchange;
    const body = await readBody(request, this.#maxBodyBytes);
    if (body === 'broken off') return;
    const session = this.#sessions.living(address.session);
    if (session === undefined) return answerUnknown(exchange);
    if (body === 'too large') {
      this.#count('message_size', request);
      session.refuseSize();
      return answerTooLarge(exchange);
    }
    const { messages, status, text } = sentFramesIn(body);
    session.receive(messages);
    answer(request, response, status, text);
  }

  async #sendTo(holder: string, exchange: Exchange): Promise<void> {
    const { request, response, address } = exchange;
    const body = await readBody(request, this.#maxBodyBytes);
    if (body === 'broken off') return;
    const sent = body === 'too large' ? undefined : sentFramesIn(body);
    const outcome = await this.#remote.send(holder, address.session, sent?.messages);
    if (outcome === 'unknown') return answerUnknown(exchange);
    if (outcome === 'lost') return answer(request, response, 503, 'The session cannot be reached.');
    if (sent === undefined) return answerTooLarge(exchange);
    answer(request, response, sent.status, sent.text);
  }

  /** Bytes of a body with one message of the largest size, however it is escaped. */
  get #maxBodyBytes(): number {
    return ESCAPED_BYTES * this.#options.messageBytes + BRACKETS_BYTES;
  }

  /** Gives up a claim for which no session was opened. */
  #releaseUnused(session: string): void {
    if (this.#sessions.living(session) === undefined) this.#options.nodes.release(session);
  }

  /** Answers a request whose path is not allowed (SPEC 10.3). */
  refusePath(request: IncomingMessage, response: ServerResponse): void {
    this.#count('http_request', request);
    answer(request, response, 400, 'Bad request.');
  }

  #count(reason: RefusalReason, request: IncomingMessage): void {
    this.#options.refusals.count(reason, { address: this.#options.peers.read(request).remoteAddress });
  }
}

/** Response for a client that is refused before it has a session. */
const FULL = ((): readonly Buffer[] => {
  const { code, message } = errors.overCapacity;
  const frame = lineEncoder.encode(encode.error(code, message, false));
  return [Buffer.from(framing.open()), frame, Buffer.from(framing.close(code, message))];
})();

function attach(session: FallbackSession, receiver: ResponseReceiver): void {
  receiver.onEnd = (how) => session.receiverEnded(receiver, how);
  session.attach(receiver);
}

function endWith(receiver: ResponseReceiver, lines: readonly Buffer[]): void {
  for (const each of lines) receiver.write(each);
  receiver.end();
}

function handshakeOf({ url, headers }: IncomingMessage, { appKey, tab }: Address): Handshake {
  const [, query] = splitTarget(url);
  return {
    appKey,
    protocol: protocolIn(query),
    origin: headers.origin,
    ...(tab === undefined ? {} : { tab }),
  };
}

const answerUnknown = ({ request, response }: Exchange): void =>
  answer(request, response, 404, 'No such session.');

const answerTooLarge = ({ request, response }: Exchange): void =>
  answer(request, response, 413, 'Payload too large.');
