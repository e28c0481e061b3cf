import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isJsonObject } from '#protocol';
import { isPusherLike } from '../../browser/public-address.ts';
import type { EchoSetup } from '../../browser/echo-files.ts';
import { variablesIn } from '../../browser/echo-options.ts';
import type { Variables } from '../../../../settings/settings.ts';
import { readJson } from '../../browser/scripts.ts';
import type { Context } from '../../context.ts';
import type { LaravelApp } from '../../laravel/app.ts';
import { type Finding, type Fix, ok, problem, skipped } from '../../report/finding.ts';
import { BUILD } from '../fixes.ts';

/** Checks the options of Echo. */
export function checkEcho(context: Context): Finding[] {
  const { laravel } = context;
  if (laravel === undefined) return [skipped('echo', 'no Laravel app was given (--laravel)')];
  if (laravel.echo.length === 0) return [skipped('echo', 'no Echo was found in resources/js')];
  const found = [
    ...laravel.echo.flatMap((setup) => [
      ...otherService(setup),
      ...wrongTransport(context, setup),
      ...wrongPath(context, setup),
    ]),
    ...packages(laravel),
  ];
  return found.length > 0 ? found : [ok('echo', laravel.echo.map(({ file }) => file).join(', '))];
}

const fixIn = ({ file }: EchoSetup, line: string): Fix => ({ file, line, run: BUILD });

function otherService(setup: EchoSetup): Finding[] {
  const { broadcaster, wsHost, texts, unknown, hasCluster } = setup.options;
  if (!isPusherLike(broadcaster))
    return [
      problem(
        'echo-broadcaster-other',
        `the broadcaster of Echo is "${broadcaster}"`,
        fixIn(setup, "broadcaster: 'reverb',"),
      ),
    ];
  const found: Finding[] = [];
  if (wsHost === undefined && !unknown.has('wsHost') && variablesIn(texts.get('wsHost')).length === 0)
    found.push(
      problem(
        'echo-connects-to-pusher',
        'Echo has no wsHost',
        fixIn(setup, 'wsHost: import.meta.env.VITE_REVERB_HOST,'),
      ),
    );
  if (broadcaster === 'pusher' && !hasCluster)
    found.push(
      problem(
        'echo-cluster-missing',
        'Echo with the broadcaster "pusher" has no cluster, which pusher-js requires',
        fixIn(setup, "cluster: 'mt1',"),
      ),
    );
  return found;
}

function wrongTransport({ laravel, network }: Context, setup: EchoSetup): Finding[] {
  const { broadcaster, forceTls, transports, unknown } = setup.options;
  if (!isPusherLike(broadcaster) || unknown.has('forceTLS')) return [];
  const found: Finding[] = [];
  if (isForced(setup) && configuredScheme(laravel?.vite ?? {}, network.options.publish) === 'http')
    found.push(
      problem(
        'echo-force-tls',
        'forceTLS is always true, and the scheme is http',
        fixIn(setup, "forceTLS: (import.meta.env.VITE_REVERB_SCHEME ?? 'https') === 'https',"),
      ),
    );
  const wanted = forceTls === true ? 'wss' : 'ws';
  if (transports?.some((each) => each === wanted || each === 'ws') === false)
    found.push(
      problem(
        'echo-transport-missing',
        `enabledTransports has ${transports.join(', ') || 'nothing'}, and ${wanted} is needed`,
        fixIn(setup, "enabledTransports: ['ws', 'wss'],"),
      ),
    );
  return found;
}

/** True when TLS does not depend on a variable. */
const isForced = ({ options: { forceTls, texts } }: EchoSetup): boolean =>
  forceTls === true && variablesIn(texts.get('forceTLS')).length === 0;

const configuredScheme = (vite: Variables, publish: URL | undefined): string | undefined =>
  vite.VITE_REVERB_SCHEME ?? vite.VITE_PUSHER_SCHEME ?? publish?.protocol.replace(':', '');

/** A proxy may add a path: only a path of a server on this machine is compared. */
function wrongPath({ server, network }: Context, setup: EchoSetup): Finding[] {
  const { wsPath } = setup.options;
  const path = server.config?.path;
  const { local, public: url } = network.options;
  if (wsPath === '' || path === undefined || wsPath === path || url?.port !== local?.port) return [];
  return [
    problem(
      'echo-path-mismatch',
      `wsPath is "/${wsPath}", and the server's path is "/${path}"`,
      fixIn(setup, path === '' ? '(remove wsPath)' : `wsPath: '/${path}',`),
    ),
  ];
}

function packages({ folder }: LaravelApp): Finding[] {
  const file = join(folder, 'package.json');
  const json = existsSync(file) ? readJson(file) : undefined;
  if (!isJsonObject(json)) return [];
  const names = [json.dependencies, json.devDependencies].flatMap((each) =>
    isJsonObject(each) ? Object.keys(each) : [],
  );
  const missing = [
    ...(names.some((name) => /^(?:laravel-echo|@laravel\/echo-)/.test(name)) ? [] : ['laravel-echo']),
    ...(names.includes('pusher-js') ? [] : ['pusher-js']),
  ];
  if (missing.length === 0) return [];
  return [
    problem('echo-packages-missing', `${file} does not have ${missing.join(' and ')}`, {
      run: `npm install --save-dev ${missing.join(' ')}`,
    }),
  ];
}
