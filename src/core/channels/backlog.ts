import type { LocalChannel } from './local-channel.ts';

/** Limits of what waits for one channel's sockets: beyond, publishers get 503 and client events wait. */
export const BACKLOG_EVENTS = 1000;
export const BACKLOG_BYTES = 4 * 1024 * 1024;

export const hasBacklog = ({ pending, pendingBytes }: LocalChannel): boolean =>
  pending.length >= BACKLOG_EVENTS || pendingBytes >= BACKLOG_BYTES;

/** Resolves when the channel is not behind any more; all callers share one promise. `undefined`: it is not behind. */
export const caughtUp = (channel: LocalChannel): Promise<void> | undefined =>
  hasBacklog(channel) ? (channel.caughtUp ??= whenCaughtUp(channel)) : undefined;

/** Fan-outs advance with each turn of the event loop. */
async function whenCaughtUp(channel: LocalChannel): Promise<void> {
  while (hasBacklog(channel)) await new Promise((resolve) => setImmediate(resolve));
  channel.caughtUp = undefined;
}
