/** Splits a request target into path and query, unchanged; without a `?` the query is empty. */
export function splitTarget(target = ''): [path: string, query: string] {
  const at = target.indexOf('?');
  return at === -1 ? [target, ''] : [target.slice(0, at), target.slice(at + 1)];
}

/** Returns the path of a request target, unchanged. Logs show no more than this: the query may be signed. */
export const pathOf = (target = ''): string => splitTarget(target)[0];

/** A whole HTTP/1.1 response, for a socket that no HTTP server answers on. `headers`: lines without their ends. */
export const responseText = (status: string, headers: readonly string[], body = ''): string =>
  [`HTTP/1.1 ${status}`, ...headers, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n');
