import { textIn, type Variables } from '../settings/settings.ts';

/** Former names of settings, with the name of today. */
export const RENAMED_SETTINGS: Readonly<Record<string, string>> = {
  WAVEHALL_CUTOVER_PASS: 'WAVEHALL_CUTOVER_PROXY_HTTP',
};

/** Lists a problem for each former name that is set; otherwise it would be ignored unnoticed, and the default would apply. */
export const renamedSettings = (variables: Variables): string[] =>
  Object.entries(RENAMED_SETTINGS)
    .filter(([former]) => textIn(variables, former) !== undefined)
    .map(([former, name]) => `${former}: expected ${name}, the new name of this setting`);
