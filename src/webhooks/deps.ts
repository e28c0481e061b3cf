import type { App } from '../core/app.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Outbox } from '../core/ports/webhooks.ts';
import type { Resolver } from './http/checked-connector.ts';
import type { WebhookSettings } from './settings.ts';

export interface WebhooksDeps {
  /** Their endpoints are delivered to, and signed for with their first credential. */
  readonly apps: readonly App[];
  readonly outbox: Outbox;
  readonly logger: Pick<Logger, 'warn'>;
  readonly clock: Clock;
  readonly settings: WebhookSettings;
  /** `Wavehall/` and the version. */
  readonly userAgent: string;
  /** Resolves names in place of the system's resolver. */
  readonly resolver?: Resolver;
}
