import type { IncomingMessage } from 'node:http';
import type { Logger } from '../../core/ports/logger.ts';
import type { Refusals } from '../../core/refusals/refusals.ts';
import type { AttemptCounter } from './login-attempts.ts';
import type { ConsoleClient } from './requests.ts';
import type { SessionStore } from './sessions.ts';

/** Needs of the console. */
export interface ConsoleOptions {
  /** `read`: no action is allowed. */
  readonly mode: 'on' | 'read';
  readonly sessions: SessionStore;
  readonly attempts: AttemptCounter;
  readonly client: (request: IncomingMessage) => ConsoleClient;
  readonly refusals: Pick<Refusals, 'count'>;
  readonly logger: Pick<Logger, 'warn'>;
  /** Folder of the built page. */
  readonly folder: string;
}
