import { type ClientMessage, decode, errors, exceeds, ProtocolError } from '#protocol';
import type { Hub } from '../channels/hub.ts';
import { Relay } from '../channels/relay.ts';
import type { SubscriptionCounter } from '../channels/subscription-counter.ts';
import { type ClientEventTrace, handleClientEvent } from '../handlers/client-event.ts';
import { handlePing } from '../handlers/ping.ts';
import { handleSignin } from '../handlers/signin.ts';
import { handleSubscribe } from '../handlers/subscribe.ts';
import { isToken, signinByToken, type TokenSignins } from '../handlers/token-signin.ts';
import { handleUnsubscribe } from '../handlers/unsubscribe.ts';
import type { Clock } from '../ports/clock.ts';
import type { Broker, CachedEvents } from '../ports/events.ts';
import type { Membership } from '../ports/membership.ts';
import type { Logger } from '../ports/logger.ts';
import { refusalReasonOf } from '../refusals/refusal-reason.ts';
import type { Refusals } from '../refusals/refusals.ts';
import type { NodeEvents } from '../webhooks/node-events.ts';
import type { Resume } from '../resume/resume.ts';
import type { Users } from '../users.ts';
import type { Connection } from './connection.ts';
import { checkRateLimit, waitForTurn } from './rate.ts';

export interface MessageHandlerDeps {
  readonly hub: Hub;
  readonly users: Users;
  readonly subscriptionCounter: SubscriptionCounter;
  readonly broker: Broker;
  readonly cachedEvents: CachedEvents;
  readonly membership: Membership;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly refusals: Refusals;
  readonly nodeEvents: NodeEvents;
  readonly resume: Resume;
  readonly trace?: ClientEventTrace | undefined;
  /** `undefined`: no token signs in. */
  readonly tokenSignins?: TokenSignins | undefined;
}

/** Decodes one message of an admitted client, applies its limits, runs its handler and sends the refusal of what fails. */
export class MessageHandler {
  readonly #core: MessageHandlerDeps & { readonly relay: Relay };

  constructor(core: MessageHandlerDeps) {
    this.#core = { ...core, relay: new Relay(core) };
  }

  /**
   * Handles one message. The connection and the process survive it, whatever it contains. A promise: the client's next
   * message has to wait for it; it does not reject.
   */
  handle(from: Connection, message: Buffer): Promise<void> | undefined {
    if (from.closing) return undefined;
    from.traffic.messagesReceived += 1;
    from.traffic.bytesReceived += message.length;
    from.frames?.received(message);
    try {
      const task = this.#receive(from, message);
      if (task !== undefined) return this.#finish(from, task);
    } catch (error) {
      this.#refuse(from, error);
    }
    return undefined;
  }

  #receive(from: Connection, message: Buffer): Promise<void> | undefined {
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
      this.#refuse(from, error);
    }
  }

  #handled(from: Connection): void {
    const { logger } = this.#core;
    if (logger.debugging) logger.debug('Message Handled', from.socketId);
  }

  #dispatch(from: Connection, message: ClientMessage): Promise<void> | undefined {
    switch (message.kind) {
      case 'subscribe':
        return handleSubscribe(this.#core, from, message);
      case 'unsubscribe':
        return handleUnsubscribe(this.#core, from, message.channel);
      case 'client-event':
        return handleClientEvent(this.#core, from, message);
      case 'signin':
        return this.#signin(from, message);
      case 'ping':
        return handlePing(this.#core, from);
      case 'pong':
      case 'ignored':
        return undefined;
    }
  }

  #signin(from: Connection, message: Extract<ClientMessage, { kind: 'signin' }>): Promise<void> {
    const { tokenSignins } = this.#core;
    if (tokenSignins === undefined || !isToken(message.auth)) return handleSignin(this.#core, from, message);
    return signinByToken(this.#core, tokenSignins, from, message.auth);
  }

  #refuse(from: Connection, error: unknown): void {
    if (!(error instanceof ProtocolError)) {
      this.#core.logger.error(
        'Bug in Wavehall: a message could not be handled and its client was disconnected. Please report this stack',
        error,
      );
      from.close(errors.internal);
      return;
    }
    const reason = refusalReasonOf(error);
    if (error.subscription !== undefined) from.traffic.subscriptionsRefused.add(reason);
    const example = {
      app: from.app.id,
      address: from.socket.remoteAddress,
      socket: from.socketId,
      ...(error.channel === undefined ? {} : { channel: error.channel.slice(0, 200) }),
      ...(reason === 'client_event' && { why: error.message }),
    };
    this.#core.refusals.count(reason, example, error.limit);
    if (error.code !== errors.messageTooLarge.code) from.refuse(error);
    if (error.closes) from.end(error);
    const terminates = error.entry === errors.rateLimit && from.app.rateLimiting?.terminate === true;
    if (terminates) from.end(errors.rateLimitTerminated);
  }
}

/** Returns the error of a malformed message, which counts for the rate as any other message does. */
function decodeOrError(text: string): ClientMessage | ProtocolError {
  try {
    return decode(text);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}
