import { useEffect, useRef, useState } from 'preact/hooks';
import type { Failure } from '../api.ts';

const RETRY_MS = 3000;

export interface Polled<T> {
  readonly value: T | undefined;
  /** Why the last question had no answer; `undefined`: it had one. */
  readonly problem: string | undefined;
}

/**
 * Asks again and again while the page is visible, one question at a time. `ask` gets the value that is known from it; another `ask`
 * begins anew: what the one before it has found is shown until there is an answer or a problem.
 */
export function usePoll<T>(
  ask: (known: T | undefined) => Promise<T>,
  everyMs: number,
  onLoggedOut: () => void,
): Polled<T> {
  const [polled, setPolled] = useState<Polled<T>>({ value: undefined, problem: undefined });
  const known = useRef<T | undefined>(undefined);
  useEffect(() => {
    let [isEnded, isAsking] = [false, false];
    known.current = undefined;
    const answered = (value: T): void => {
      if (isEnded) return;
      known.current = value;
      setPolled((shown) =>
        shown.value === value && shown.problem === undefined ? shown : { value, problem: undefined },
      );
    };
    const failed = (error: unknown): void => {
      if (isEnded) return;
      if ((error as Failure).status === 401) return onLoggedOut();
      setPolled({ value: known.current, problem: (error as Error).message });
    };
    const again = (): void => {
      if (document.hidden || isAsking) return;
      isAsking = true;
      void ask(known.current)
        .then(answered, failed)
        .finally(() => (isAsking = false));
    };
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

/** Makes a hook for what does not change: it is asked for until there is an answer. */
export function askedUntilKnown<T>(ask: () => Promise<T>): (onLoggedOut: () => void) => Polled<T> {
  const askOnce = async (known: T | undefined): Promise<T> => known ?? ask();
  return (onLoggedOut) => usePoll(askOnce, RETRY_MS, onLoggedOut);
}
