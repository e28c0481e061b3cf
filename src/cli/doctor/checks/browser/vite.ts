import { textIn } from '../../../../settings/settings.ts';
import { isPusherLike } from '../../browser/public-address.ts';
import { type EchoOptions, variablesIn } from '../../browser/echo-options.ts';
import type { Context } from '../../context.ts';
import type { LaravelApp } from '../../laravel/app.ts';
import { envFix } from '../../laravel/env.ts';
import { type Finding, ok, problem, skipped } from '../../report/finding.ts';
import { BUILD, hostIn } from '../fixes.ts';

const LOCAL_HOST = /^(?:localhost|127\.\d+\.\d+\.\d+|\[?::1\]?|0\.0\.0\.0)$/i;

/** Options without which a browser cannot connect. */
const NEEDED = ['key', 'wsHost'] as const;

/** Checks the variables that Vite puts into the page. */
export function checkVite(context: Context): Finding[] {
  const { laravel } = context;
  if (laravel === undefined) return [skipped('vite-variables', 'no Laravel app was given (--laravel)')];
  const setup = laravel.echo.find(({ options }) => isPusherLike(options.broadcaster));
  if (setup === undefined)
    return [
      skipped('vite-variables', 'no Echo with the broadcaster reverb or pusher was found in resources/js'),
    ];
  const found = [
    ...missingVariables(laravel, setup.options),
    ...wrongKey(context, laravel, setup.options),
    ...wrongHost(laravel, setup.options),
    ...mixedContent(context, laravel, setup.options),
  ];
  return found.length > 0 ? found : [ok('vite-variables', `as ${setup.file} uses them`)];
}

function missingVariables({ vite, env }: LaravelApp, { texts, ...options }: EchoOptions): Finding[] {
  return NEEDED.filter((name) => options[name] === undefined && !options.unknown.has(name)).flatMap((name) =>
    variablesIn(texts.get(name))
      .filter((variable) => (textIn(vite, variable) ?? '') === '')
      .map((variable) =>
        problem(
          'vite-variable-missing',
          `${variable} has no value in ${env.file}, and Echo reads its ${name} from it`,
          envFix(env, variable, `"\${${variable.replace(/^(?:VITE|MIX)_/, '')}}"`, BUILD),
        ),
      ),
  );
}

function wrongKey({ server, broadcast }: Context, { env }: LaravelApp, options: EchoOptions): Finding[] {
  const { key, texts } = options;
  const keys = new Set(server.apps?.flatMap(({ credentials }) => credentials.map((each) => each.key)));
  if (key === undefined || keys.has(key) || key === broadcast?.key || keys.size === 0) return [];
  const [variable] = variablesIn(texts.get('key'));
  if (variable === undefined) return [];
  const own = variable.replace(/^(?:VITE|MIX)_/, '');
  return [
    problem(
      'vite-key-mismatch',
      `${variable} is "${key}"; the server has "${[...keys].join('", "')}"`,
      envFix(env, variable, `"\${${own}}"`, BUILD),
    ),
  ];
}

function wrongHost({ env, appUrl }: LaravelApp, { wsHost, texts }: EchoOptions): Finding[] {
  const [variable] = variablesIn(texts.get('wsHost'));
  if (wsHost === undefined || variable === undefined) return [];
  if (/[/?#@\s$]/.test(wsHost))
    return [
      problem(
        'vite-host-invalid',
        `${variable}="${wsHost}": expected a host name alone, without scheme, port and path`,
        envFix(env, variable, hostIn(wsHost), BUILD),
      ),
    ];
  const isPageElsewhere = appUrl !== undefined && !LOCAL_HOST.test(appUrl.hostname);
  if (LOCAL_HOST.test(wsHost) && isPageElsewhere)
    return [
      problem(
        'vite-host-local',
        `${variable}="${wsHost}", and the page is at ${appUrl.origin}`,
        envFix(env, variable, appUrl.hostname, BUILD),
      ),
    ];
  return [];
}

/** pusher-js uses TLS on such a page whatever forceTLS is, with the port for TLS. */
function mixedContent(
  { options: { url } }: Context,
  { env, appUrl }: LaravelApp,
  options: EchoOptions,
): Finding[] {
  if (appUrl?.protocol !== 'https:' || options.forceTls !== false || url !== undefined) return [];
  const [variable = 'VITE_REVERB_SCHEME'] = variablesIn(options.texts.get('forceTLS'));
  return [
    problem(
      'vite-mixed-content',
      `the page is at ${appUrl.origin}, and Echo is configured for ws://`,
      envFix(env, variable, 'https', BUILD),
    ),
  ];
}
