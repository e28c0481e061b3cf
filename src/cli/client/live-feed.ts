import { sleep } from '../../core/util/time.ts';
import type { AdminAddress } from '../admin-client.ts';
import { readLines, StreamRefused } from './line-stream.ts';

const RETRY_MS = 500;

/** Lines of the live feed that are wanted. */
export interface LiveFlags {
  readonly app?: string;
  readonly channel?: string;
  readonly event?: string;
  readonly payload?: boolean;
}

/** Path of the live feed with the filters of these flags. */
export function livePath(flags: LiveFlags): string {
  const query = new URLSearchParams();
  for (const name of ['app', 'channel', 'event'] as const) {
    const value = flags[name];
    if (value !== undefined) query.set(name, value);
  }
  if (flags.payload === true) query.set('payload', '1');
  return `/live?${query.toString()}`;
}

export interface LiveReader {
  readonly onLine: (line: string) => void;
  /** The stream has ended, and is opened again. */
  readonly onEnd: () => void;
  /** Time for which a server that had answered may be away: it is restarted. */
  readonly patienceMs: number;
}

/**
 * Reads the live feed until `ended` is aborted, and opens it again when the process at its other end stops, e.g. during
 * `wavehall restart`. Rejects when it cannot be opened at first, when it is refused, and when the server stays away.
 */
export async function followLive(
  admin: AdminAddress,
  path: string,
  { onLine, onEnd, patienceMs }: LiveReader,
  ended: AbortSignal,
): Promise<void> {
  // Changed by a callback, which the compiler does not see in a variable.
  const known: { hadStream: boolean; awaySinceMs: number | undefined } = {
    hadStream: false,
    awaySinceMs: undefined,
  };
  const onOpen = (): void => void Object.assign(known, { hadStream: true, awaySinceMs: undefined });
  const hasEnded = (): boolean => ended.aborted;
  while (!hasEnded()) {
    try {
      await readLines(admin, path, { onOpen, onLine }, ended);
      if (!hasEnded()) onEnd();
    } catch (error) {
      if (hasEnded()) return;
      known.awaySinceMs ??= performance.now();
      const isTooLong = performance.now() - known.awaySinceMs > patienceMs;
      if (error instanceof StreamRefused || !known.hadStream || isTooLong) throw error;
    }
    await sleep(RETRY_MS, ended);
  }
}

/** Aborted after so many seconds, if they are given. */
export function endAfter(seconds: string | undefined): AbortController {
  const end = new AbortController();
  if (seconds === undefined) return end;
  const ms = Number(seconds) * 1000;
  if (!(ms > 0)) throw new Error(`--seconds ${seconds}: expected a number above 0`);
  setTimeout(() => end.abort(), ms).unref();
  return end;
}
