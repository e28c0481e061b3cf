import { StaticApps } from '../../apps/static.ts';
import type { AppsWatch } from '../../apps/sql/watch.ts';
import type { Config } from '../../config/index.ts';
import type { Apps } from '../../core/ports/apps.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { StatusSection } from '../../core/ports/status.ts';

export interface OpenApps {
  readonly apps: Apps;
  /** `undefined`: the apps never change. */
  readonly watch: AppsWatch | undefined;
}

/**
 * Opens the apps of the configuration, or those of its database. Resolves after the first read of it, or when the database has not
 * answered in time: then the server is not ready until it answers (SPEC 2.18). Rejects when the npm package of the database is not
 * installed: that does not change while the server runs.
 */
export async function openApps(config: Config, logger: Logger): Promise<OpenApps> {
  const { appsDatabase: options } = config;
  if (options === undefined) return { apps: new StaticApps(config.apps), watch: undefined };
  const { requirePackage } = await import('../../apps/sql/database.ts');
  await requirePackage(options);
  const { AppsWatch } = await import('../../apps/sql/watch.ts');
  const watch = new AppsWatch({ options, logger });
  await watch.start(options.timeoutMs);
  return { apps: watch.apps, watch };
}

/** The section `apps` of the status, of apps in a database. */
export const appsStatus = (watch: AppsWatch): StatusSection => ({
  name: 'apps',
  read: () => {
    const { ageSeconds, problem, ...state } = watch.state;
    return {
      ...state,
      ...(ageSeconds === undefined ? {} : { readSecondsAgo: Math.round(ageSeconds) }),
      ...(problem === undefined ? {} : { problem }),
    };
  },
});
