import { useEffect, useRef, useState } from 'preact/hooks';
import type { Failure } from '../api.ts';

export interface Polled<T> {
  readonly value: T | undefined;
  /** Why the last question had no answer; `undefined`: it had one. */
  readonly problem: string | undefined;
}

/** Asks again and again while the page is visible. `ask` gets the value that is known from it; another `ask` begins anew. */
export function usePoll<T>(
  ask: (known: T | undefined) => Promise<T>,
  everyMs: number,
  onLoggedOut: () => void,
): Polled<T> {
  const [polled, setPolled] = useState<Polled<T>>({ value: undefined, problem: undefined });
  const known = useRef<T | undefined>(undefined);
  useEffect(() => {
    let isEnded = false;
    known.current = undefined;
    const poll = async (): Promise<void> => {
      if (document.hidden) return;
      try {
        const value = await ask(known.current);
        if (isEnded) return;
        known.current = value;
        setPolled({ value, problem: undefined });
      } catch (error) {
        if (isEnded) return;
        if ((error as Failure).status === 401) return onLoggedOut();
        setPolled(({ value }) => ({ value, problem: (error as Error).message }));
      }
    };
    const again = (): void => void poll();
    again();
    const timer = setInterval(again, everyMs);
    document.addEventListener('visibilitychange', again);
    return () => {
      isEnded = true;
      clearInterval(timer);
      document.removeEventListener('visibilitychange', again);
    };
  }, [ask, everyMs, onLoggedOut]);
  return polled;
}
