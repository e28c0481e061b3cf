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

/** Most names of soketi's variables that a warning lists. */
const MOST_NAMES = 5;

/** A warning if variables of soketi are set: they are not read. */
export function soketiVariables(variables: Variables): string[] {
  const names = Object.keys(variables).filter((name) => name.startsWith('SOKETI_'));
  const shown = names.slice(0, MOST_NAMES).join(', ') + (names.length > MOST_NAMES ? ', …' : '');
  return names.length === 0
    ? []
    : [`soketi's variables are not read (${shown}): docs/coming-from-soketi.md has the names of Wavehall`];
}
