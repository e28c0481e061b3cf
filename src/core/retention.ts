import { kindOf } from '#protocol';
import type { App, Retention } from './app.ts';

/** How much of a channel is remembered of events that were published to it (SPEC 3.10). */
export function retentionOf(app: App, channel: string): Retention {
  if (kindOf(channel).cached) return { size: 1, ttlSeconds: app.cacheTtlSeconds };
  return historyOf(app, channel);
}

/** The same for a channel that is known to be no cache channel. */
export function historyOf(app: App, channel: string): Retention {
  const rule = app.historyRules.find(({ prefix }) => channel.startsWith(prefix));
  return rule ?? { size: app.historySize, ttlSeconds: app.historyTtlSeconds };
}
