import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from '../../context.ts';
import { isPusherCloud } from '../../context.ts';
import { applyEnv, hostIn } from '../fixes.ts';
import type { LaravelApp } from '../../laravel/app.ts';
import { envFix } from '../../laravel/env.ts';
import { isPusherLike } from '../../browser/public-address.ts';
import { type Finding, ok, problem, skipped } from '../../report/finding.ts';

/** Checks that Laravel's broadcasting connection speaks to a server of the Pusher protocol. */
export function checkDriver({ laravel }: Context): Finding[] {
  if (laravel === undefined) return [skipped('broadcast-driver', 'no Laravel app was given (--laravel)')];
  const { connection, driver } = laravel.used.broadcast;
  if (isPusherLike(driver)) return driverIsRight(laravel);
  const fix = envFix(laravel.env, variableOf(laravel), wantedConnection(laravel), applyEnv(laravel));
  const renamed = renamedVariable(laravel);
  if (renamed !== undefined) return [problem('broadcast-variable-renamed', renamed, fix)];
  const said = `broadcasting.default is "${connection}"`;
  if (driver === undefined && connection !== 'null' && connection !== '')
    return [
      problem('broadcast-connection-unknown', `${said}, which config/broadcasting.php does not have`, fix),
    ];
  if (driver === undefined || driver === 'log' || driver === 'null')
    return [
      problem(
        'broadcast-driver-not-sending',
        `${said}: events are ${driver === 'log' ? 'written to the log' : 'dropped'}`,
        fix,
      ),
    ];
  return [problem('broadcast-driver-other', `${said}, with the driver "${driver}"`, fix)];
}

function driverIsRight(laravel: LaravelApp): Finding[] {
  const vendor = join(laravel.folder, 'vendor');
  if (existsSync(vendor) && !existsSync(join(vendor, 'pusher/pusher-php-server')))
    return [
      problem('pusher-sdk-missing', `${vendor}/pusher/pusher-php-server is not there`, {
        run: 'composer require pusher/pusher-php-server',
      }),
    ];
  return [ok('broadcast-driver', `"${laravel.used.broadcast.connection}"`)];
}

const wantedConnection = ({ env }: LaravelApp): string =>
  env.values.REVERB_APP_ID === undefined && env.values.PUSHER_APP_ID !== undefined ? 'pusher' : 'reverb';

/** Before Laravel 11 the variable was BROADCAST_DRIVER. */
const variableOf = ({ env, used }: LaravelApp): string =>
  env.values.BROADCAST_DRIVER !== undefined && env.values.BROADCAST_DRIVER === used.broadcast.connection
    ? 'BROADCAST_DRIVER'
    : 'BROADCAST_CONNECTION';

/** A sentence when the variable that is set is not the one that Laravel reads. */
function renamedVariable({ env, used, php }: LaravelApp): string | undefined {
  if (php !== 'answer') return undefined;
  const { BROADCAST_CONNECTION: newer, BROADCAST_DRIVER: older } = env.values;
  if (newer === undefined && isPusherLike(older) && used.broadcast.connection !== older)
    return `.env has BROADCAST_DRIVER=${older ?? ''}, and config/broadcasting.php reads BROADCAST_CONNECTION`;
  if (isPusherLike(newer) && older === undefined && used.broadcast.connection !== newer)
    return `.env has BROADCAST_CONNECTION=${newer ?? ''}, and config/broadcasting.php reads BROADCAST_DRIVER`;
  return undefined;
}

/** Checks that Laravel's address can be one, and is not that of Pusher itself. */
export function checkPublishHost({ laravel, broadcast }: Context): Finding[] {
  if (laravel === undefined || broadcast === undefined)
    return [skipped('publish-host', 'Laravel publishes to no server of the Pusher protocol')];
  const { host, port, scheme, connection } = broadcast;
  const prefix = connection === 'pusher' ? 'PUSHER' : 'REVERB';
  const run = applyEnv(laravel);
  if (isPusherCloud(host))
    return [
      problem(
        'publish-to-pusher',
        `Laravel publishes to ${host}, because ${prefix}_HOST has no value`,
        envFix(laravel.env, `${prefix}_HOST`, 'ws.example.com', run),
      ),
    ];
  if (host === '' || /[/?#@\s]/.test(host))
    return [
      problem(
        'publish-host-invalid',
        `${prefix}_HOST="${host}": expected a host name alone, without scheme, port and path`,
        envFix(laravel.env, `${prefix}_HOST`, hostIn(host), run),
      ),
    ];
  if (!/^https?$/.test(scheme))
    return [
      problem(
        'publish-host-invalid',
        `${prefix}_SCHEME="${scheme}": expected http or https`,
        envFix(laravel.env, `${prefix}_SCHEME`, 'https', run),
      ),
    ];
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535 || Number(port) === 0)
    return [
      problem(
        'publish-host-invalid',
        `${prefix}_PORT="${port}": expected a port`,
        envFix(laravel.env, `${prefix}_PORT`, '443', run),
      ),
    ];
  return [ok('publish-host', `${scheme}://${host}:${port}`)];
}
