import { evaluate, type Names, type Result, UNKNOWN } from './expression.ts';
import { objectsWith, type Properties } from './object-literal.ts';

/** Options with which a page opens its connection. `undefined`: not given, or known to the browser alone. */
export interface EchoOptions {
  readonly broadcaster: string;
  readonly key: string | undefined;
  readonly wsHost: string | undefined;
  readonly wsPort: string | undefined;
  readonly wssPort: string | undefined;
  readonly wsPath: string;
  readonly forceTls: boolean | undefined;
  readonly hasCluster: boolean;
  readonly transports: readonly string[] | undefined;
  /** Options whose values cannot be computed here. */
  readonly unknown: ReadonlySet<string>;
  /** Texts of the options, as they are written. */
  readonly texts: Properties;
}

/** Defaults of `configureEcho` of @laravel/echo-vue and @laravel/echo-react. */
const CONFIGURED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  reverb: {
    key: 'import.meta.env.VITE_REVERB_APP_KEY',
    wsHost: 'import.meta.env.VITE_REVERB_HOST',
    wsPort: 'import.meta.env.VITE_REVERB_PORT',
    wssPort: 'import.meta.env.VITE_REVERB_PORT',
    forceTLS: "(import.meta.env.VITE_REVERB_SCHEME ?? 'https') === 'https'",
    enabledTransports: "['ws', 'wss']",
  },
  pusher: {
    key: 'import.meta.env.VITE_PUSHER_APP_KEY',
    cluster: 'import.meta.env.VITE_PUSHER_APP_CLUSTER',
    forceTLS: 'true',
    wsHost: 'import.meta.env.VITE_PUSHER_HOST',
    wsPort: 'import.meta.env.VITE_PUSHER_PORT',
    wssPort: 'import.meta.env.VITE_PUSHER_PORT',
    enabledTransports: "['ws', 'wss']",
  },
};

/** Reads the options of every Echo in a script. `names` gives the values of variables. */
export function echoOptionsIn(script: string, names: Names): EchoOptions[] {
  const isConfigured = /\bconfigureEcho\s*\(/.test(script);
  return objectsWith('broadcaster', script).flatMap((given) => {
    const broadcaster = evaluate(given.get('broadcaster') ?? '', names);
    if (typeof broadcaster !== 'string') return [];
    const texts = isConfigured ? withDefaults(given, CONFIGURED[broadcaster] ?? {}) : given;
    // Echo's own table of defaults has no key.
    return texts.has('key') && texts.get('key') !== 'null' ? [optionsOf(broadcaster, texts, names)] : [];
  });
}

const withDefaults = (given: Properties, defaults: Readonly<Record<string, string>>): Properties =>
  new Map([...Object.entries(defaults), ...given]);

function optionsOf(broadcaster: string, texts: Properties, names: Names): EchoOptions {
  const unknown = new Set<string>();
  const valueOf = (name: string): Result => {
    const text = texts.get(name);
    const value = text === undefined ? undefined : evaluate(text, names);
    if (value === UNKNOWN) unknown.add(name);
    return value === UNKNOWN ? undefined : value;
  };
  const forceTls = valueOf('forceTLS') ?? valueOf('encrypted');
  const transports = valueOf('enabledTransports');
  return {
    broadcaster,
    key: textOf(valueOf('key')),
    wsHost: textOf(valueOf('wsHost')),
    wsPort: textOf(valueOf('wsPort')),
    wssPort: textOf(valueOf('wssPort')),
    wsPath: (textOf(valueOf('wsPath')) ?? '').replace(/^\/+|\/+$/g, ''),
    forceTls: forceTls === undefined || forceTls === null ? undefined : Boolean(forceTls),
    hasCluster: unknown.has('cluster') || textOf(valueOf('cluster')) !== undefined,
    transports: Array.isArray(transports) ? transports.map(String) : undefined,
    unknown,
    texts,
  };
}

/** Text of an option; `undefined` when it is not there or empty. */
const textOf = (value: Result): string | undefined =>
  typeof value === 'string' || typeof value === 'number' ? String(value) || undefined : undefined;

/** Names of the variables that an option is read from. */
export const variablesIn = (text: string | undefined): string[] =>
  [...(text ?? '').matchAll(/(?:import\.meta|process)\.env\.(\w+)/g)].map(([, name = '']) => name);
