import { type Credential, type Member, signChannel } from '#protocol';
import type { Link } from './link.ts';

/** The names of the frames that a bridge connection exchanges with the other side. */
export const SUCCEEDED = 'pusher_internal:subscription_succeeded';
export const MEMBER_ADDED = 'pusher_internal:member_added';
export const MEMBER_REMOVED = 'pusher_internal:member_removed';
export const SUBSCRIPTION_ERROR = 'pusher:subscription_error';

/** SPEC 11.6: always signed; who does not need the signature leaves it aside. */
export function subscribe(link: Link, credential: Credential, channel: string): boolean {
  if (!link.isOpen) return false;
  return link.send('pusher:subscribe', { channel, auth: signChannel(credential, link.socketId, channel) });
}

/** SPEC 11.10: Reverb takes no member without `user_info`. */
export function subscribeAs(link: Link, credential: Credential, channel: string, member: Member): boolean {
  if (!link.isOpen) return false;
  const data = `{"user_id":${JSON.stringify(member.userId)},"user_info":${member.infoJson ?? '{}'}}`;
  const auth = signChannel(credential, link.socketId, channel, data);
  return link.send('pusher:subscribe', { channel, auth, channel_data: data });
}

export const unsubscribe = (link: Link, channel: string): boolean =>
  link.send('pusher:unsubscribe', { channel });

/** False: not sent. `done` is called when the other side has dealt with it, or never will. */
export function sendThen(link: Link, text: string, done: () => void): boolean {
  const isSent = link.sendText(text);
  void link.barrier().then(done);
  return isSent;
}
