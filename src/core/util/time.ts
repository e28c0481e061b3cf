/** Resolves after `ms`, or as soon as the signal is aborted. Never rejects. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}

const TIMEOUT = Symbol('timeout');

/** Settles as `task` does, or after `ms` with the result of `late`, which may throw. */
export async function within<T, L = undefined>(
  task: Promise<T>,
  ms: number,
  late: () => L = () => undefined as L,
): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<typeof TIMEOUT>((resolve) => {
    timer = setTimeout(() => resolve(TIMEOUT), ms);
  });
  try {
    const first = await Promise.race([task, timeout]);
    return first === TIMEOUT ? late() : first;
  } finally {
    clearTimeout(timer);
  }
}
