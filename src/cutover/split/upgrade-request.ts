import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { App } from '../../core/app.ts';
import type { Side } from '../sides.ts';
import type { BucketChoice, ClientInfo } from './split.ts';

/** One upgrade at the front door, with its client, its app and its side. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly network: Duplex;
  readonly head: Buffer;
  readonly client: ClientInfo;
  /** `undefined`: an app that is not configured here. */
  readonly app: App | undefined;
  readonly sinceMs: number;
  /** The side that a probe requested. */
  readonly requestedSide: Side | undefined;
  /** `undefined`: not a part of the split (an unknown key, or a probe that requested its side). */
  readonly choice: BucketChoice | undefined;
}
