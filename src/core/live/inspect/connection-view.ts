import type { Connection } from '../../client/connection.ts';
import type { OutboundLimits } from '../../client/outbound.ts';
import { rowOf } from './connection-row.ts';
import type { FrameLog } from './frame-log.ts';
import { MAX_NAMES, type OpenConnection, type ShownLimits } from './questions.ts';

/** Shows all of a connection but its data. */
export function viewOf(connection: Connection, buffers: OutboundLimits, frames: FrameLog): OpenConnection {
  const { socket, subscriptions } = connection;
  return {
    ...rowOf(connection),
    secure: socket.secure,
    seenAtMs: connection.seenAtMs,
    names: subscriptions.slice(0, MAX_NAMES).map(({ ref }) => ref.channel),
    waitingBytes: socket.bufferedBytes,
    sentBytes: socket.flushedBytes,
    isOverRate: connection.endRateWait !== undefined,
    isSlowReader: connection.isSlowReader,
    isPinged: connection.pingedAtMs > 0,
    limits: limitsOf(connection, buffers),
    frames: [...frames.notes],
    framesSinceMs: frames.sinceMs,
  };
}

function limitsOf({ app: { limits } }: Connection, { softBytes, hardBytes }: OutboundLimits): ShownLimits {
  return {
    subscriptionsPerSocket: limits.subscriptionsPerSocket,
    messageBytes: limits.messageBytes,
    messagesPerSecond: limits.messagesPerSecond,
    messageBurst: limits.messageBurst,
    clientEventsPerSecond: limits.clientEventsPerSecond,
    softBytes,
    hardBytes,
  };
}
