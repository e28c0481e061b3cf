import { vi } from 'vitest';
import { LIMIT_MS } from './limit.ts';

/** Repeats a check until it passes, and returns its result. */
export const waitFor = <T>(check: () => T | Promise<T>, limitMs = LIMIT_MS): Promise<T> =>
  vi.waitFor(check, { timeout: limitMs, interval: 20 });
