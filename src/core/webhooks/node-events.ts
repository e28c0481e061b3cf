import { isReservedChannel, kindOf, webhookData, type WebhookType } from '#protocol';
import type { App } from '../app.ts';
import type { Connection } from '../client/connection.ts';
import type { ChannelRef } from '../ports/channel-ref.ts';
import type { Outbox, WebhookFields } from '../ports/webhooks.ts';
import type { CloseCause } from '../traffic/app-traffic.ts';
import { isWanted } from './wishes.ts';

/** Clients that find the same channel empty within this time are one `cache_miss` (SPEC 9.4). */
export const CACHE_MISS_MS = 3000;

/** A client event that was accepted. */
interface AcceptedEvent {
  readonly name: string;
  readonly channel: string;
  readonly dataJson: string;
  /** The sender, on a presence channel. */
  readonly userId: string | undefined;
}

/**
 * Tells apps of what this node decides alone; transitions of channels are told by the step that makes them (`Membership`). Costs
 * nothing for an app without an endpoint that wants it. Never throws, and nothing waits for it.
 */
export class NodeEvents {
  readonly #outbox: Outbox | undefined;

  /** `undefined`: no app has webhooks. */
  constructor(outbox: Outbox | undefined) {
    this.#outbox = outbox;
  }

  /** SPEC 9.2: for private and presence channels. */
  clientEvent({ app, socketId }: Connection, { name, channel, dataJson, userId }: AcceptedEvent): void {
    if (!kindOf(channel).signed || !this.#isWanted(app, 'client_event', channel)) return;
    const fields = { event: name, data: webhookData(dataJson), socket_id: socketId };
    this.#add(
      'client_event',
      { app: app.id, channel },
      userId === undefined ? fields : { ...fields, user_id: userId },
    );
  }

  /** SPEC 9.2, 9.4. */
  cacheMiss(app: App, ref: ChannelRef): void {
    if (!this.#isWanted(app, 'cache_miss', ref.channel)) return;
    void this.#outbox?.addOnce({ type: 'cache_miss', ref, fields: {} }, CACHE_MISS_MS);
  }

  /** SPEC 9.3. */
  connectionOpened({ app, socketId }: Connection): void {
    if (!this.#isWanted(app, 'connection_opened')) return;
    this.#add('connection_opened', ownPlace(app, socketId), { socket_id: socketId });
  }

  /** SPEC 9.3: `reason` is the one of the metric of closed connections. */
  connectionClosed(
    { app, socketId, user, openedAtMs }: Connection,
    code: number,
    reason: CloseCause,
    nowMs: number,
  ): void {
    if (!this.#isWanted(app, 'connection_closed')) return;
    const seconds = Math.max(0, Math.round((nowMs - openedAtMs) / 1000));
    const fields = { socket_id: socketId, reason, code, seconds };
    this.#add(
      'connection_closed',
      ownPlace(app, socketId),
      user === undefined ? fields : { ...fields, user_id: user.id },
    );
  }

  #isWanted(app: App, type: WebhookType, channel = ''): boolean {
    return (
      this.#outbox !== undefined &&
      app.webhooks.length > 0 &&
      !isReservedChannel(channel) &&
      isWanted(app, type, channel)
    );
  }

  #add(type: WebhookType, ref: ChannelRef, fields: WebhookFields): void {
    void this.#outbox?.add({ type, ref, fields });
  }
}

/** A name that no channel can have: the events of one connection keep their order. */
const ownPlace = ({ id }: App, socketId: string): ChannelRef => ({ app: id, channel: `#socket-${socketId}` });
