import { isJsonObject } from '#protocol';
import { textIn } from '../../../../settings/settings.ts';
import type { Context } from '../../context.ts';
import { envFix } from '../../laravel/env.ts';
import { objectOf } from '../../laravel/snapshot.ts';
import { type Finding, ok, problem, skipped } from '../../report/finding.ts';

const OTHER_SOURCES = ['WAVEHALL_APPS_DATABASE', 'WAVEHALL_APPS_FILE', 'WAVEHALL_APPS'];

/** Checks for values of config/reverb.php that Wavehall would not have, because it does not read PHP. */
export function checkReverbConfig({ laravel, serverEnv }: Context): Finding[] {
  const reverb = laravel?.used.reverb;
  if (laravel === undefined || reverb === undefined)
    return [skipped('reverb-config', 'config/reverb.php is not there, or was not read')];
  const variables = serverEnv?.values ?? {};
  const source = OTHER_SOURCES.find((name) => textIn(variables, name) !== undefined);
  if (source !== undefined) return [ok('reverb-config', `the apps come from ${source}`)];
  const list = objectOf(reverb.apps).apps;
  const apps = (Array.isArray(list) ? list : []).filter(isJsonObject);
  const origins = apps[0]?.allowed_origins;
  const found: Finding[] = [];
  if (apps.length > 1)
    found.push(
      problem(
        'reverb-config-changed',
        `config/reverb.php has ${apps.length} apps`,
        envFix(serverEnv, 'WAVEHALL_APPS_FILE', 'reverb.json'),
      ),
    );
  const isOpen = !Array.isArray(origins) || origins.includes('*');
  if (!isOpen && textIn(variables, 'WAVEHALL_ALLOWED_ORIGINS') === undefined)
    found.push(
      problem(
        'reverb-config-changed',
        'config/reverb.php has allowed_origins, and WAVEHALL_ALLOWED_ORIGINS is not set: every origin may connect',
        envFix(serverEnv, 'WAVEHALL_ALLOWED_ORIGINS', origins.map(String).join(',')),
      ),
    );
  return found.length > 0
    ? found
    : [ok('reverb-config', 'config/reverb.php has nothing that Wavehall lacks')];
}
