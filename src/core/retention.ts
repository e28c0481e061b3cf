import { kindOf } from '#protocol';
import type { App, Retention } from './app.ts';

/** How much of a channel is remembered of events that were published to it (SPEC 3.10). */
export function retentionOf(app: App, channel: string): Retention {
  if (kindOf(channel).cached) return { size: 1, ttlSeconds: app.cacheTtlSeconds };
  const rule = app.historyRules.find(({ prefix }) => channel.startsWith(prefix));
  return rule ?? { size: app.historySize, ttlSeconds: app.historyTtlSeconds };
}
