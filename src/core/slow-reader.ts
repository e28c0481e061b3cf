import type { Connection } from './connection.ts';
import type { Journal } from './ports.ts';
import type { Refusals } from './refusals.ts';

/** Ends a socket that does not read: a close frame would only queue behind what it does not take. */
export function cutSlowReader(
  connection: Connection,
  journal: Journal,
  refusals: Pick<Refusals, 'count'> | undefined,
): void {
  if (connection.closing) return;
  const { bufferedBytes, remoteAddress } = connection.socket;
  const { app, socketId: socket } = connection;
  if (refusals === undefined) {
    journal.warn('A socket that does not read was ended', { socket, remoteAddress, bufferedBytes });
  } else refusals.count('slow_reader', { app: app.id, address: remoteAddress, socket, bufferedBytes });
  connection.terminate();
}
