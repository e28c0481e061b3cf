import {
  type ErrorEntry,
  errors,
  type ProtocolError,
  refusedByRules,
  type SubscriptionFailure,
} from '#protocol';
import type { RefusalReason } from './reasons.ts';

const BY_SUBSCRIPTION: Readonly<Record<SubscriptionFailure['type'], RefusalReason>> = {
  AuthError: 'channel_signature',
  InvalidChannel: 'channel_name',
  LimitReached: 'channel_limit',
  ServerError: 'channel_failed',
};

const BY_ENTRY = new Map<ErrorEntry, RefusalReason>([
  [errors.signinFailed, 'signin'],
  [errors.watchlistLimit, 'signin'],
  [errors.messageTooLarge, 'message_size'],
  [errors.unauthorized, 'channel_signature'],
  [refusedByRules, 'channel_rule'],
  [errors.notAMember, 'client_event'],
  [errors.clientEventsDisabled, 'client_event'],
  [errors.clientEventNotAllowed, 'client_event'],
  [errors.clientEventName, 'client_event'],
  [errors.clientEventRate, 'client_event_rate'],
  [errors.rateLimit, 'rate_limit'],
]);

/** The reason under which a broken rule is counted; an error that is not listed was a malformed message. */
export const refusalReasonOf = ({ entry, subscription }: ProtocolError): RefusalReason =>
  BY_ENTRY.get(entry) ??
  (subscription === undefined ? 'malformed_message' : BY_SUBSCRIPTION[subscription.type]);
