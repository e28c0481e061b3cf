import type { Connection } from './connection.ts';
import type { Refusals } from './refusals.ts';

/** Ends a socket that does not read: a close frame would only queue behind what it does not take. */
export function cutSlowReader(connection: Connection, refusals: Pick<Refusals, 'count'>): void {
  if (connection.closing) return;
  const { app, socketId: socket } = connection;
  const { bufferedBytes, remoteAddress: address } = connection.socket;
  refusals.count('slow_reader', { app: app.id, address, socket, bufferedBytes });
  connection.terminate();
}
