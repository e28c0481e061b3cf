import { type ClientMessage, decode, errors, exceeds, ProtocolError } from '#protocol';
import { Admission, type AdmissionNeeds } from './admission.ts';
import type { SubscriptionCounter } from '../channels/subscription-counter.ts';
import type { Connection } from './connection.ts';
import type { Broker, History, Membership } from '../ports/cluster.ts';
import type * as transport from '../ports/transport.ts';
import { checkRateLimit, waitForTurn } from './rate.ts';
import { reasonOf } from '../refusal-reason.ts';
import { Relay } from '../channels/relay.ts';
import { ClientSession } from './session.ts';
import type { Users } from '../users.ts';
import { clientEvent } from '../handlers/client-event.ts';
import { ping } from '../handlers/ping.ts';
import { signin } from '../handlers/signin.ts';
import { subscribe } from '../handlers/subscribe.ts';
import { leaveAll, unsubscribe } from '../handlers/unsubscribe.ts';

interface Needs extends AdmissionNeeds {
  readonly users: Users;
  readonly announcer: SubscriptionCounter;
  readonly broker: Broker;
  readonly history: History;
  readonly membership: Membership;
}

/** The one door into the core: admits clients, and hands what they say to the verbs. */
export class Gateway implements transport.Gateway {
  readonly #core: Needs & { readonly relay: Relay };
  readonly #admission: Admission;

  constructor(core: Needs) {
    this.#core = { ...core, relay: new Relay(core) };
    this.#admission = new Admission(core);
  }

  opened(socket: transport.Socket, handshake: transport.Handshake): transport.Session {
    return new ClientSession(this, socket, handshake);
  }

  /** Nobody is let in any more (SPEC 2.13). */
  stopAdmitting(): void {
    this.#admission.stop();
  }

  /** SPEC 2.3, 2.5. `undefined` when the client was refused: it has been told, and its socket is closing. */
  admit(socket: transport.Socket, handshake: transport.Handshake): Promise<Connection | undefined> {
    return this.#admission.admit(socket, handshake);
  }

  /** Any inbound frame is a sign of life (SPEC 2.9). */
  seen(from: Connection): void {
    from.seenAtMs = this.#core.clock();
    from.pingedAtMs = 0;
  }

  /**
   * One message of an admitted client. Whatever it says, the connection and the process survive it. A promise: the
   * next message has to wait for it; it does not reject.
   */
  receive(from: Connection, message: Buffer): Promise<void> | undefined {
    if (from.closing) return undefined;
    try {
      const task = this.#handle(from, message);
      if (task !== undefined) return this.#finish(from, task);
    } catch (error) {
      this.#answer(from, error);
    }
    return undefined;
  }

  alive(from: Connection): void {
    this.seen(from);
    this.#core.logger.debug('Control Frame Received', from.socketId);
  }

  /** SPEC 3.11: leaves nothing behind. */
  async dismiss(connection: Connection, code: number): Promise<void> {
    const { users, logger } = this.#core;
    connection.closing = true;
    this.#admission.dismiss(connection);
    logger.debug('Connection Closed', connection.socketId, String(code));
    await Promise.all([users.signedOut(connection), leaveAll(this.#core, connection)]);
  }

  defect(what: string, error: unknown): void {
    this.#core.logger.error(what, error);
  }

  #handle(from: Connection, message: Buffer): Promise<void> | undefined {
    const { logger } = this.#core;
    if (exceeds(message.length, from.app.limits.messageBytes))
      throw new ProtocolError(errors.messageTooLarge);
    const text = message.toString();
    if (logger.debugging) logger.debug('Message Received', from.socketId, text);
    const decoded = decodeOrError(text);
    const turn = waitForTurn(from, decoded, this.#core.clock);
    return turn === undefined ? this.#serve(from, decoded) : this.#serveLater(from, decoded, turn);
  }

  #serve(from: Connection, message: ClientMessage | ProtocolError): Promise<void> | undefined {
    checkRateLimit(from, message, this.#core.clock());
    if (message instanceof ProtocolError) throw message;
    const task = this.#dispatch(from, message);
    if (task === undefined) this.#handled(from);
    return task;
  }

  async #serveLater(
    from: Connection,
    message: ClientMessage | ProtocolError,
    turn: Promise<void>,
  ): Promise<void> {
    this.#core.refusals.count('message_rate', {
      app: from.app.id,
      address: from.socket.remoteAddress,
      socket: from.socketId,
      perSecond: from.app.limits.messagesPerSecond,
    });
    await turn;
    if (!from.closing) await this.#serve(from, message);
  }

  async #finish(from: Connection, task: Promise<void>): Promise<void> {
    try {
      await task;
      this.#handled(from);
    } catch (error) {
      this.#answer(from, error);
    }
  }

  #handled(from: Connection): void {
    const { logger } = this.#core;
    if (logger.debugging) logger.debug('Message Handled', from.socketId);
  }

  #dispatch(from: Connection, message: ClientMessage): Promise<void> | undefined {
    switch (message.kind) {
      case 'subscribe':
        return subscribe(this.#core, from, message);
      case 'unsubscribe':
        return unsubscribe(this.#core, from, message.channel);
      case 'client-event':
        return clientEvent(this.#core, from, message);
      case 'signin':
        return signin(this.#core, from, message);
      case 'ping':
        return ping(this.#core, from);
      case 'pong':
      case 'ignored':
        return undefined;
    }
  }

  #answer(from: Connection, error: unknown): void {
    if (!(error instanceof ProtocolError)) {
      this.#core.logger.error('A message could not be handled', error);
      from.close(errors.internal);
      return;
    }
    this.#core.refusals.count(reasonOf(error), {
      app: from.app.id,
      address: from.socket.remoteAddress,
      socket: from.socketId,
      ...(error.channel === undefined ? {} : { channel: error.channel.slice(0, 200) }),
    });
    if (error.code !== errors.messageTooLarge.code) from.refuse(error);
    if (error.closes) from.end(error);
    const terminates = error.entry === errors.rateLimit && from.app.rateLimiting?.terminate === true;
    if (terminates) from.end(errors.rateLimitTerminated);
  }
}

/** What is malformed counts for the rate like everything else, so it is told apart before it is refused. */
function decodeOrError(text: string): ClientMessage | ProtocolError {
  try {
    return decode(text);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}
