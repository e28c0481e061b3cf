/** Earlier sockets of one client that are remembered (SPEC 13.7). */
const MOST_SOCKETS = 8;

/** The newest of these socket ids, each once; the newest one is the last. */
export const newestSockets = (ids: readonly string[]): readonly string[] =>
  [...new Set(ids)].slice(-MOST_SOCKETS);
