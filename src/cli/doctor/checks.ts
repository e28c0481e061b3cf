import { checkBuild } from './checks/browser/build.ts';
import { checkEcho } from './checks/browser/echo.ts';
import { checkVite } from './checks/browser/vite.ts';
import { checkConfigCache, checkLaravelConfig } from './checks/laravel/config-cache.ts';
import { checkCredentials, checkSecretExposed } from './checks/laravel/credentials.ts';
import { checkDriver, checkPublishHost } from './checks/laravel/driver.ts';
import { checkQueue } from './checks/laravel/queue.ts';
import { checkReverbConfig } from './checks/laravel/reverb-config.ts';
import { checkAppsDatabase } from './checks/machine/apps-database.ts';
import { checkOpenFiles } from './checks/machine/open-files.ts';
import { checkRedisOfServer } from './checks/machine/redis.ts';
import { checkEnvironment, checkServerSettings } from './checks/machine/settings.ts';
import { checkClock } from './checks/network/clock.ts';
import { checkConnect } from './checks/network/connect.ts';
import { checkPublish } from './checks/network/publish.ts';
import { checkRoundTrip } from './checks/network/round-trip.ts';
import { checkServer } from './checks/network/server.ts';
import { checkSilence } from './checks/network/silence.ts';
import { checkTls } from './checks/network/tls.ts';
import type { Context } from './context.ts';
import type { Finding } from './report/finding.ts';

/** A check: returns its problems, or one finding that it is in order or was not made. */
export type Check = (context: Context) => Finding[] | Promise<Finding[]>;

/** Every check by the name that it has when there is no problem, in the order of the report. */
export const CHECKS: Readonly<Record<string, Check>> = {
  environment: checkEnvironment,
  'laravel-config': checkLaravelConfig,
  'config-cache': checkConfigCache,
  'broadcast-driver': checkDriver,
  'publish-host': checkPublishHost,
  'server-settings': checkServerSettings,
  credentials: checkCredentials,
  'secret-hidden': checkSecretExposed,
  'reverb-config': checkReverbConfig,
  queue: checkQueue,
  'vite-variables': checkVite,
  echo: checkEcho,
  'built-assets': checkBuild,
  server: checkServer,
  tls: checkTls,
  publish: checkPublish,
  clock: checkClock,
  connect: checkConnect,
  'round-trip': checkRoundTrip,
  'proxy-timeout': checkSilence,
  'apps-database': checkAppsDatabase,
  redis: checkRedisOfServer,
  'open-files': checkOpenFiles,
};
