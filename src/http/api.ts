import type { QueryPairs } from '#protocol';
import type { App } from '../core/app.ts';
import type { Hub } from '../core/hub.ts';
import type { Broker, History, Lease, Membership } from '../core/ports.ts';
import type { Users } from '../core/users.ts';

/** What the routes of the API work with. */
export interface Api {
  readonly hub: Hub;
  readonly users: Users;
  readonly broker: Broker;
  readonly history: History;
  readonly membership: Membership;
  readonly lease: Lease;
}

/** One authenticated request. */
export interface Call {
  readonly app: App;
  readonly params: Readonly<Record<string, string>>;
  readonly query: QueryPairs;
  readonly body: Buffer;
}

/** Resolves with the body of a 200; throws `HttpError` for anything else. */
export type Handle = (api: Api, call: Call) => Promise<object>;
