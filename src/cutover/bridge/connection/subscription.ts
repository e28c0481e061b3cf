import { type Credential, type Member, signChannel } from '#protocol';
import type { UpstreamLink } from '../ports/link.ts';

/** Names of the server's own frames. */
export const SUCCEEDED = 'pusher_internal:subscription_succeeded';
export const MEMBER_ADDED = 'pusher_internal:member_added';
export const MEMBER_REMOVED = 'pusher_internal:member_removed';
export const SUBSCRIPTION_ERROR = 'pusher:subscription_error';

/** SPEC 11.6: subscribes with a signature, which servers ignore on public channels. */
export function sendSubscribe(link: UpstreamLink, credential: Credential, channel: string): boolean {
  if (!link.isOpen) return false;
  return link.send('pusher:subscribe', { channel, auth: signChannel(credential, link.socketId, channel) });
}

/** SPEC 11.10: subscribes as a member, always with `user_info`: Reverb refuses members without it. */
export function sendSubscribeAsMember(
  link: UpstreamLink,
  credential: Credential,
  channel: string,
  member: Member,
): boolean {
  if (!link.isOpen) return false;
  const data = `{"user_id":${JSON.stringify(member.userId)},"user_info":${member.infoJson ?? '{}'}}`;
  const auth = signChannel(credential, link.socketId, channel, data);
  return link.send('pusher:subscribe', { channel, auth, channel_data: data });
}

export const sendUnsubscribe = (link: UpstreamLink, channel: string): boolean =>
  link.send('pusher:unsubscribe', { channel });

/** Sends a frame; false when it was not sent. `done` is called when the upstream has handled it, or never will. */
export function sendThen(link: UpstreamLink, text: string, done: () => void): boolean {
  const isSent = link.sendText(text);
  void link.barrier().then(done);
  return isSent;
}
