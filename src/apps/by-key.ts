import type { App } from '../core/app.ts';

/** Maps each key to its app. A key that an app has now wins over the same key that another app had before (SPEC 7.6). */
export function appsByKey(apps: readonly App[]): ReadonlyMap<string, App> {
  const former = apps.flatMap((app) => app.credentials.slice(1).map(({ key }) => [key, app] as const));
  return new Map([...former, ...apps.map((app) => [app.credentials[0].key, app] as const)]);
}
