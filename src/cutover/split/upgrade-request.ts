import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { App } from '../../core/app.ts';
import type { Side } from '../ports.ts';
import type { BucketChoice, ClientInfo } from './split.ts';

/** One upgrade at the front door, and what is known of it there. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly network: Duplex;
  readonly head: Buffer;
  readonly visitor: ClientInfo;
  /** `undefined`: an app that is not configured here. */
  readonly app: App | undefined;
  readonly sinceMs: number;
  /** The side that a probe has asked for. */
  readonly asked: Side | undefined;
  /** `undefined`: no part of the split (an unknown key, or a probe that chose its side). */
  readonly choice: BucketChoice | undefined;
}
