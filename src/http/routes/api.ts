import type { IncomingHttpHeaders } from 'node:http';
import type { QueryValues } from '#protocol';
import type { App } from '../../core/app.ts';
import type { IdempotencyOptions } from '../idempotency.ts';
import type { Hub } from '../../core/channels/hub.ts';
import type { IdempotencyKeys } from '../../core/ports/nodes/idempotency.ts';
import type { NodeCommands, ConnectionQuota } from '../../core/ports/stores.ts';
import type { Broker, CachedEvents, History } from '../../core/ports/events.ts';
import type { TracedRequest } from '../../core/trace/traced-request.ts';
import type { Traffic } from '../../core/traffic/traffic.ts';
import type { Membership } from '../../core/ports/membership.ts';

/** Parts of the server that the routes of the API use. */
export interface Api {
  readonly hub: Hub;
  readonly broker: Broker;
  readonly cachedEvents: CachedEvents;
  readonly history: History;
  readonly membership: Membership;
  readonly quota: ConnectionQuota;
  readonly nodeCommands: Pick<NodeCommands, 'terminate'>;
  readonly traffic: Traffic;
  readonly idempotencyKeys: IdempotencyKeys;
  readonly idempotency: IdempotencyOptions;
}

/** One authenticated request. */
export interface ApiRequest {
  readonly app: App;
  readonly params: Readonly<Record<string, string>>;
  /** The values that were signed (SPEC 7.4). */
  readonly query: QueryValues;
  readonly body: Buffer;
  readonly headers: IncomingHttpHeaders;
  /** When it was received, in `performance.now()`. */
  readonly receivedAtMs: number;
  /** `undefined`: it is not traced (SPEC 16). */
  readonly traced?: TracedRequest | undefined;
}

/** Handles one request. Resolves with the body of the 200 answer; throws `HttpError` for any other answer. */
export type RouteHandler = (api: Api, call: ApiRequest) => Promise<object>;
