import type { App } from '../core/app.ts';
import type { LiveFeed } from '../core/live/feed.ts';
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
  /** Shows each request to those who look now. */
  readonly live?: Pick<LiveFeed, 'isWatched' | 'webhook'> | undefined;
  readonly clock: Clock;
  readonly settings: WebhookSettings;
  /** `Wavehall/` and the version. */
  readonly userAgent: string;
  /** Resolves names in place of the system's resolver. */
  readonly resolver?: Resolver;
}
