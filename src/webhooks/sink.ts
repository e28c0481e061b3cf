/** One request to an endpoint. */
export interface Message {
  /** Signed and sent as it is; the same in every attempt. */
  readonly body: string;
  /** The same in every attempt, so that a receiver can recognise a repetition. */
  readonly delivery: string;
  /** The first is 1. */
  readonly attempt: number;
}

export type SendResult =
  | { readonly isDelivered: true; readonly status?: number }
  | {
      readonly isDelivered: false;
      /** For an operator: without the URL, and without a secret. */
      readonly reason: string;
      readonly status?: number;
      /** The receiver refuses for good: another attempt is pointless. */
      readonly isFinal: boolean;
      /** Pause that the receiver asks for. */
      readonly retryAfterMs?: number;
    };

/** Where the events of one endpoint go. */
export interface Sink {
  /** Never rejects, and resolves within the time-out. */
  send(message: Message): Promise<SendResult>;
  /** Ends all connections; a request in flight fails. */
  close(): Promise<void>;
}

/** A failure that may be over at the next attempt. */
export const failure = (reason: string): SendResult => ({ isDelivered: false, reason, isFinal: false });

/** Reason of an error for an operator: its code, which is clearer than the message and contains nothing that was sent. */
export const reasonOf = (error: unknown): string => {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return typeof code === 'string' ? code : String(message);
};
