import { vi } from 'vitest';

/** Time that a busy machine may need for what takes no time on an idle one. */
const LIMIT_MS = 15_000;

/** Repeats a check until it passes, and returns its result. */
export const waitFor = <T>(check: () => T | Promise<T>, limitMs = LIMIT_MS): Promise<T> =>
  vi.waitFor(check, { timeout: limitMs, interval: 20 });
