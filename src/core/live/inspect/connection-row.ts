import type { ConnectionRow } from './questions.ts';

/** A connection, as far as lists show it. */
export interface ListedConnection {
  readonly socketId: string;
  readonly socket: { readonly remoteAddress: string; readonly transport: string };
  readonly user: { readonly id: string } | undefined;
  readonly subscriptions: { readonly length: number };
  readonly openedAtMs: number;
}

export function rowOf({
  socketId,
  socket,
  user,
  subscriptions,
  openedAtMs,
}: ListedConnection): ConnectionRow {
  const { remoteAddress: address, transport } = socket;
  return { socket: socketId, address, transport, user: user?.id, channels: subscriptions.length, openedAtMs };
}
