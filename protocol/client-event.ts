import { type ChannelKind, isReservedChannel } from './channel.ts';
import { type ErrorEntry, errors, ProtocolError } from './errors.ts';
import { exceeds } from './limits.ts';

const PREFIX = 'client-';

/** 5.3 — only the prefix makes an event a client event. */
export const isClientEvent = (name: string): boolean => name.startsWith(PREFIX);

/** 5.5 — throws when the name is too long or has control characters. */
export function checkClientEventName(name: string, maxLength: number, channel?: string): void {
  if (exceeds(name.length, maxLength) || /\p{Cc}/u.test(name))
    throw new ProtocolError(errors.clientEventName, { channel });
}

/** 5.2 — why this kind of channel takes no client events; `undefined` when it does. */
export function clientEventRefusal(
  kind: ChannelKind,
  channel: string,
  allowOnPublic: boolean,
): ErrorEntry | undefined {
  const never = kind.encrypted || isReservedChannel(channel);
  const allowed = !never && (kind.clientEvents || allowOnPublic);
  return allowed ? undefined : errors.clientEventNotAllowed;
}
