/** Names in the path of a client (SPEC 2.1, 13.2). */
export interface ClientPath {
  readonly appKey: string;
  /** `undefined`: the client does not name its tab. */
  readonly tab: string | undefined;
}

/** A path with a tab that is not valid. */
export const INVALID_TAB = Symbol('invalid tab');

const CLIENT_PATH = /^(?:(?:\/app)?\/t\/([^/]*))?\/app\/([^/]+)\/?$/;
const TAB = /^[\w-]{16,64}$/;

/** SPEC 13.2. */
export const isTabId = (text: string): boolean => TAB.test(text);

/**
 * Reads `{prefix}/t/{tab}/app/{key}`, with or without the prefix, the tab and a slash at the end; `undefined` for other paths. `/app` may
 * stand in front of a tab, for proxies that pass nothing else on.
 */
export function clientPathIn(path: string, prefix: string): ClientPath | typeof INVALID_TAB | undefined {
  const start = prefix !== '' && path.startsWith(`/${prefix}/`) ? prefix.length + 1 : 0;
  const match = CLIENT_PATH.exec(path.slice(start)) ?? CLIENT_PATH.exec(path);
  const [, tab, key] = match ?? [];
  const appKey = key === undefined ? undefined : decoded(key);
  if (appKey === undefined) return undefined;
  return tab === undefined || isTabId(tab) ? { appKey, tab } : INVALID_TAB;
}

/** App key in the path of a client; `undefined` for other paths. */
export function appKeyIn(path: string, prefix: string): string | undefined {
  const found = clientPathIn(path, prefix);
  return found === INVALID_TAB ? undefined : found?.appKey;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Most clients send `protocol` as the first parameter, so it is found without parsing the rest; the first of several counts. */
const FIRST_PROTOCOL = /^protocol=(\w+)(?:&|$)/;

/** Protocol version that the client asks for (SPEC 2.2). */
export function protocolIn(query: string): string | undefined {
  return FIRST_PROTOCOL.exec(query)?.[1] ?? new URLSearchParams(query).get('protocol') ?? undefined;
}
