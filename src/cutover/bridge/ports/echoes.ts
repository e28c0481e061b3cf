/** An event that is about to be forwarded. */
export interface ForwardedEvent {
  readonly channel: string;
  readonly name: string;
  readonly data: unknown;
  /** Sender of a client event. */
  readonly user?: string | undefined;
}

/** One copy of a forwarded event, as it is recognised when it comes back. */
export interface Copy {
  readonly channel: string;
  readonly key: string;
  readonly user: string | undefined;
}

/** One copy of a forwarded event that this node receives back. */
export interface Echo extends Copy {
  isReceived: boolean;
  /** Not awaited any more: received, given up, or lost. */
  isClosed: boolean;
}

/** Echoes awaited of one request or client event. */
export interface PendingEcho {
  readonly id: string;
  readonly copies: readonly Copy[];
  /** By position in `copies`; `undefined` where none comes back to this node. */
  readonly echoes: (Echo | undefined)[];
  /** False while a subscription is pending: its echo may or may not come. */
  isCertain: boolean;
  readonly atMs: number;
}

export type DeliveryState = 'delivered' | 'not delivered' | 'unknown';

/** SPEC 11.8: announces what is forwarded to all nodes, so that each drops the echo that comes back to it. */
export interface EchoAnnouncer {
  /**
   * Resolves when every node expects the echoes. `earlier` is what an attempt before has announced; `isOwn` is false
   * when the echo does not come back to this node.
   */
  announce(events: readonly ForwardedEvent[], earlier?: PendingEcho, isOwn?: boolean): Promise<PendingEcho>;
  /** The request was answered or given up: an echo that has not been received soon never comes. */
  answered(pending: PendingEcho): void;
  /** Resolves when the echoes that are on their way have been received. */
  waitForEchoes(pending: PendingEcho): Promise<void>;
  /** Delivery of one event of an unanswered request, as far as its echo shows. */
  deliveryOf(pending: PendingEcho, at: number): DeliveryState;
}
