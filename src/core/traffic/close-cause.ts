import { errors } from '#protocol';
import type { CloseCause } from './app-traffic.ts';

/** By the message of the close: an app may choose the code of a termination. */
const BY_MESSAGE: ReadonlyMap<string, CloseCause> = new Map([
  [errors.closing.message, 'drain'],
  [errors.pongTimeout.message, 'ping_timeout'],
  [errors.terminatedByApp.message, 'terminated'],
  [errors.reconnect.message, 'terminated'],
  [errors.notAuthorizedInTime.message, 'unauthorized'],
  [errors.signinFailed.message, 'unauthorized'],
  [errors.tokenExpired.message, 'token_expired'],
  [errors.signinUnavailable.message, 'server_error'],
  [errors.messageTooLarge.message, 'message_size'],
  [errors.rateLimit.message, 'rate_limit'],
  [errors.internal.message, 'server_error'],
]);

/** RFC 6455, 7.4.1: the client left, its connection broke, or a frame was invalid. */
const BY_CODE: ReadonlyMap<number, CloseCause> = new Map([
  [1000, 'client'],
  [1001, 'client'],
  [1005, 'client'],
  [1006, 'lost'],
  [1002, 'protocol_error'],
  [1003, 'protocol_error'],
  [1007, 'protocol_error'],
  [1008, 'protocol_error'],
  [1009, 'message_size'],
]);

/**
 * Cause of a close. `message`: with which this server closed; `undefined`: it did not. Then the code may be the client's
 * choice, and the causes are few.
 */
export const causeOfClose = (code: number, message: string | undefined): CloseCause =>
  message === undefined ? (BY_CODE.get(code) ?? 'client') : (BY_MESSAGE.get(message) ?? 'other');
