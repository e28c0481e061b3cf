/** Time that a busy machine may need for what takes no time on an idle one. */
export const LIMIT_MS = 15_000;
