const KEY_PATH = /^\/app\/([^/]+)\/?$/;

/** SPEC 2.1: the key in `{prefix}/app/{key}`, with or without the prefix and a slash at the end. */
export function appKeyIn(path: string, prefix: string): string | undefined {
  const start = prefix !== '' && path.startsWith(`/${prefix}/`) ? prefix.length + 1 : 0;
  const key = (KEY_PATH.exec(path.slice(start)) ?? KEY_PATH.exec(path))?.[1];
  if (key === undefined) return undefined;
  try {
    return decodeURIComponent(key);
  } catch {
    return undefined;
  }
}

/** Most clients say it first; the first one counts. */
const FIRST_PROTOCOL = /^protocol=(\w+)(?:&|$)/;

/** SPEC 2.2: what the client says that it speaks. */
export function protocolIn(query: string): string | undefined {
  return FIRST_PROTOCOL.exec(query)?.[1] ?? new URLSearchParams(query).get('protocol') ?? undefined;
}
