import type { RouteHandler } from './api.ts';
import { batchEvents } from './batch-events.ts';
import { channel, channels } from './channels.ts';
import { connections } from './connections.ts';
import { events } from './events.ts';
import { history } from './history.ts';
import { terminateConnections, users } from './users.ts';

export interface Route {
  readonly method: 'GET' | 'POST';
  /** Below `/apps/:appId`. */
  readonly path: string;
  readonly handle: RouteHandler;
}

/** Routes under `/apps/{id}` (SPEC 8.1), for signed requests only. */
export const ROUTES: readonly Route[] = [
  { method: 'POST', path: '/events', handle: events },
  { method: 'POST', path: '/batch_events', handle: batchEvents },
  { method: 'GET', path: '/channels', handle: channels },
  { method: 'GET', path: '/channels/:channel', handle: channel },
  { method: 'GET', path: '/channels/:channel/users', handle: users },
  { method: 'GET', path: '/channels/:channel/events', handle: history },
  { method: 'POST', path: '/users/:user/terminate_connections', handle: terminateConnections },
  { method: 'GET', path: '/connections', handle: connections },
];
