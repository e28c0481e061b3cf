import type { QueryValues } from '#protocol';
import type { App } from '../core/app.ts';
import type { Hub } from '../core/channels/hub.ts';
import type { Broker, Control, History, ConnectionQuota, Membership } from '../core/ports/cluster.ts';

/** What the routes of the API work with. */
export interface Api {
  readonly hub: Hub;
  readonly broker: Broker;
  readonly history: History;
  readonly membership: Membership;
  readonly quota: ConnectionQuota;
  readonly control: Control;
}

/** One authenticated request. */
export interface ApiRequest {
  readonly app: App;
  readonly params: Readonly<Record<string, string>>;
  /** As it was signed (SPEC 7.4). */
  readonly query: QueryValues;
  readonly body: Buffer;
}

/** Resolves with the body of a 200; throws `HttpError` for anything else. */
export type RouteHandler = (api: Api, call: ApiRequest) => Promise<object>;
