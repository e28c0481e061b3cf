import { errors } from '#protocol';

/** Cause of the end of a connection, as metrics name it. */
export type CloseCause =
  | 'client'
  | 'lost'
  | 'drain'
  | 'ping_timeout'
  | 'slow_reader'
  | 'terminated'
  | 'unauthorized'
  | 'message_size'
  | 'rate_limit'
  | 'protocol_error'
  | 'server_error'
  | 'other';

/** By the message of the close: an app may choose the code of a termination. */
const BY_MESSAGE: ReadonlyMap<string, CloseCause> = new Map([
  [errors.closing.message, 'drain'],
  [errors.pongTimeout.message, 'ping_timeout'],
  [errors.terminatedByApp.message, 'terminated'],
  [errors.notAuthorizedInTime.message, 'unauthorized'],
  [errors.signinFailed.message, 'unauthorized'],
  [errors.messageTooLarge.message, 'message_size'],
  [errors.rateLimit.message, 'rate_limit'],
  [errors.internal.message, 'server_error'],
]);

/** Cause of a close that this server decided. */
export const causeOfOwnClose = (message: string): CloseCause => BY_MESSAGE.get(message) ?? 'other';

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

/** Cause of a close that this server did not decide. The code may be the client's choice; the causes are few. */
export const causeOfClose = (code: number): CloseCause => BY_CODE.get(code) ?? 'client';
