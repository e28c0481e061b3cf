import type { Subscription } from '../client/connection.ts';

/** Events up to this number are on their way to a subscriber. */
export interface PendingDelivery {
  readonly subscription: Subscription;
  readonly upTo: number;
}

/** False once they are sent, or the subscriber has left. */
export const isPendingDelivery = ({ subscription, upTo }: PendingDelivery): boolean =>
  subscription.index !== -1 && subscription.upTo < upTo;
