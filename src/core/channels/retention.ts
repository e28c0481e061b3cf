import { kindOf } from '#protocol';
import type { App } from '../app.ts';
import type { Retention } from '../ports/events.ts';

/** The retention of an event that is published to a channel (SPEC 3.10, 3.13). */
export function retentionOf(app: App, channel: string): Retention {
  const { size, ttlSeconds } = app.historyRules.find(({ prefix }) => channel.startsWith(prefix)) ?? {
    size: app.historySize,
    ttlSeconds: app.historyTtlSeconds,
  };
  const lastSeconds = kindOf(channel).cached ? app.cacheTtlSeconds : 0;
  return { size, ttlSeconds, lastSeconds, appBytes: app.historyMaxBytes };
}
