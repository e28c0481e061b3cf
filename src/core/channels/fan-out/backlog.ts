/** Limits of what waits for one channel's sockets: beyond, publishers get 503 and client events wait. */
export const BACKLOG_EVENTS = 1000;
export const BACKLOG_BYTES = 4 * 1024 * 1024;

/** Events of a channel that wait for its sockets, and those of its app. */
interface Backlog {
  readonly pending: readonly unknown[];
  readonly pendingBytes: number;
  readonly share: { readonly isBehind: boolean };
  /** Shared by the callers that wait for its end. */
  caughtUp: Promise<void> | undefined;
}

export const hasBacklog = ({ pending, pendingBytes, share }: Backlog): boolean =>
  pending.length >= BACKLOG_EVENTS || pendingBytes >= BACKLOG_BYTES || share.isBehind;

/** Resolves when the channel is not behind any more; all callers share one promise. `undefined`: it is not behind. */
export const caughtUp = (channel: Backlog): Promise<void> | undefined =>
  hasBacklog(channel) ? (channel.caughtUp ??= whenCaughtUp(channel)) : undefined;

/** Fan-outs advance with each turn of the event loop. */
async function whenCaughtUp(channel: Backlog): Promise<void> {
  while (hasBacklog(channel)) await new Promise((resolve) => setImmediate(resolve));
  channel.caughtUp = undefined;
}
