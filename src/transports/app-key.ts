const KEY_PATH = /^\/app\/([^/]+)\/?$/;

/** App key in `{prefix}/app/{key}`, with or without the prefix and a slash at the end (SPEC 2.1); `undefined` for other paths. */
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

/** Most clients send `protocol` as the first parameter, so it is found without parsing the rest; the first of several counts. */
const FIRST_PROTOCOL = /^protocol=(\w+)(?:&|$)/;

/** Protocol version that the client asks for (SPEC 2.2). */
export function protocolIn(query: string): string | undefined {
  return FIRST_PROTOCOL.exec(query)?.[1] ?? new URLSearchParams(query).get('protocol') ?? undefined;
}
