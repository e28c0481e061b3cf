/** Causes of SPEC 16.5, in its words. */
export const CAUSES = [
  'delivered',
  'sender_only',
  'excluded',
  'slow',
  'closing',
  'subscribing',
  'waiting',
  'no_subscribers',
  'left_before',
  'subscribed_after',
  'prefix',
  'letter_case',
  'near_name',
  'other_app',
  'check_subscription',
  'not_received',
  'not_published',
  'refused_signature',
  'refused_clock',
  'refused_size',
  'refused_rate',
  'refused_app',
  'refused_invalid',
  'refused_unavailable',
  'client_key',
  'client_origin',
  'client_refused',
  'subscription_refused',
  'client_event_refused',
  'slow_reader',
  'no_clients',
  'nothing_published',
  'other_channel',
  'not_kept',
  'unknown_id',
  'new_process',
  'silent_node',
  'redis_away',
  'check_event',
  'check_encryption',
  'check_last',
  'check_publisher',
  'check_nodes',
] as const;

export type Cause = (typeof CAUSES)[number];

/** One cause, and the sentence for the operator. */
export interface Finding {
  readonly cause: Cause;
  readonly text: string;
}

export const finding = (cause: Cause, text: string): Finding => ({ cause, text });
