import { join } from 'node:path';
import { type EchoOptions, echoOptionsIn } from './echo-options.ts';
import { type Names, UNKNOWN } from './expression.ts';
import { withoutComments } from './object-literal.ts';
import { readStart, scriptsIn } from './scripts.ts';
import type { Variables } from '../../../settings/settings.ts';

const MAX_SCRIPT_BYTES = 256 * 1024;

/** The place where the app sets Echo up. */
export interface EchoSetup {
  readonly file: string;
  readonly options: EchoOptions;
}

/** Finds the options of Echo in resources/js. */
export function findEcho(folder: string, names: Names): EchoSetup[] {
  return scriptsIn(join(folder, 'resources', 'js')).flatMap((file) => {
    const script = readStart(file, MAX_SCRIPT_BYTES);
    return script?.includes('broadcaster') === true
      ? echoOptionsIn(withoutComments(script), names).map((options) => ({ file, options }))
      : [];
  });
}

/** Values of the names that scripts use: variables of Vite and Mix, and the address of the page. */
export function namesOf(variables: Variables, appUrl: URL | undefined): Names {
  return (name) => {
    const variable = /^(?:import\.meta|process)\.env\.(\w+)$/.exec(name)?.[1];
    if (variable !== undefined)
      return /^(?:VITE|MIX)_/.test(variable) ? emptyIsMissing(variables[variable]) : UNKNOWN;
    const place = /^(?:window\.|document\.)?location\.(hostname|host|port|protocol)$/.exec(name)?.[1];
    return place === undefined || appUrl === undefined
      ? UNKNOWN
      : appUrl[place as 'hostname' | 'host' | 'port' | 'protocol'];
  };
}

/** Vite gives an empty text, which no option can use. */
const emptyIsMissing = (text: string | undefined): string | undefined => (text === '' ? undefined : text);
