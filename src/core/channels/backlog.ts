import type { LocalChannel } from './local-channel.ts';

/** Limits of what waits for one channel's sockets: beyond, publishers get 503 and client events wait. */
export const BACKLOG_EVENTS = 1000;
export const BACKLOG_BYTES = 4 * 1024 * 1024;

/** True when the channel's sockets here are so far behind that more events would only wait in memory. */
export const hasBacklog = ({ pending, pendingBytes }: LocalChannel): boolean =>
  pending.length >= BACKLOG_EVENTS || pendingBytes >= BACKLOG_BYTES;

/** Resolves when the channel is not behind any more. Fan-outs advance with each turn of the event loop. */
export async function whenCaughtUp(channel: LocalChannel): Promise<void> {
  while (hasBacklog(channel)) await new Promise((resolve) => setImmediate(resolve));
  channel.caughtUp = undefined;
}
