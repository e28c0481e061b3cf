/** Path and query of a request target, as they came; without a `?` the query is empty. */
export function splitTarget(target = ''): [path: string, query: string] {
  const at = target.indexOf('?');
  return at === -1 ? [target, ''] : [target.slice(0, at), target.slice(at + 1)];
}

/** Path of a request target, as it came. Logs show no more than this: the query may be signed. */
export const pathOf = (target = ''): string => splitTarget(target)[0];

/** A whole HTTP/1.1 response, for a socket that no HTTP server answers on. `headers`: lines without their ends. */
export const responseText = (status: string, headers: readonly string[], body = ''): string =>
  [`HTTP/1.1 ${status}`, ...headers, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n');
