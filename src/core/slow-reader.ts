import type { Connection } from './connection.ts';
import type { Journal } from './ports.ts';

/** Ends a socket that does not read: a close frame would only queue behind what it does not take. */
export function cutSlowReader(connection: Connection, journal: Journal): void {
  if (connection.closing) return;
  const { bufferedBytes, remoteAddress } = connection.socket;
  journal.warn('A socket that does not read was ended', {
    socket: connection.socketId,
    remoteAddress,
    bufferedBytes,
  });
  connection.terminate();
}
