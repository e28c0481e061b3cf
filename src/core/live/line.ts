/** Kinds of lines of the live feed. `delivered` counts the sockets of this node that an event was written to. */
export type LiveKind =
  | 'connected'
  | 'disconnected'
  | 'occupied'
  | 'vacated'
  | 'subscribed'
  | 'unsubscribed'
  | 'member_added'
  | 'member_removed'
  | 'published'
  | 'delivered'
  | 'cache_miss'
  | 'webhook_sent'
  | 'webhook_failed'
  | 'refused';

/** One thing that happened on this node. */
export interface LiveLine {
  /** Unix time in milliseconds. */
  readonly atMs: number;
  readonly type: LiveKind;
  readonly app?: string | undefined;
  readonly channel?: string | undefined;
  readonly event?: string | undefined;
  /** Data of an event; left out unless a viewer asks for it. */
  readonly payload?: string | undefined;
  /** Details by their names, such as the socket, the address, the code. Never a secret. */
  readonly [detail: string]: string | number | undefined;
}

/** Lines that a viewer wants. */
export interface LiveFilter {
  readonly app?: string | undefined;
  /** A whole name, or the beginning of one before a `*`. */
  readonly channel?: string | undefined;
  readonly event?: string | undefined;
  readonly payload: boolean;
}

/** True for a line that the viewer wants. A line without a channel is not one of the channel that is asked for. */
export const matches = (filter: LiveFilter, { app, channel, event }: Partial<LiveLine>): boolean =>
  (filter.app === undefined || filter.app === app) &&
  fits(filter.channel, channel) &&
  fits(filter.event, event);

function fits(pattern: string | undefined, name: string | undefined): boolean {
  if (pattern === undefined) return true;
  if (name === undefined) return false;
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
