import type { App } from '../../core/app.ts';

/** The configured apps as `GET /admin/apps` shows them: each field is named here, so that no secret ever joins them. */
export const shownApps = (apps: readonly App[]): object[] =>
  apps.map((app) => ({
    id: app.id,
    keys: [...new Set(app.credentials.map(({ key }) => key))],
    enabled: app.enabled,
    allowedOrigins: app.allowedOrigins,
    clientEvents: app.clientEvents,
    requireTls: app.requireTls,
    weight: app.weight,
    activityTimeoutSeconds: app.activityTimeoutSeconds,
    historySize: app.historySize,
    historyTtlSeconds: app.historyTtlSeconds,
    limits: { ...app.limits },
  }));
