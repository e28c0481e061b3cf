import { useState } from 'preact/hooks';
import type { Failure } from '../api.ts';

export interface Action<T> {
  readonly isBusy: boolean;
  /** Result of the last action that succeeded; `undefined`: none has, or the last one failed. */
  readonly result: T | undefined;
  /** Why the last action failed. */
  readonly failure: Failure | undefined;
  readonly run: (act: () => Promise<T>) => void;
}

/** Runs one action at a time, and keeps its outcome. */
export function useAction<T>(onLoggedOut: () => void): Action<T> {
  const [state, setState] = useState<Omit<Action<T>, 'run'>>({
    ...{ isBusy: false, result: undefined, failure: undefined },
  });
  const run = (act: () => Promise<T>): void => {
    setState((before) => ({ ...before, isBusy: true }));
    act().then(
      (result) => setState({ isBusy: false, result, failure: undefined }),
      (error: unknown) => {
        const failure = error as Failure;
        if (failure.status === 401) onLoggedOut();
        else setState({ isBusy: false, result: undefined, failure });
      },
    );
  };
  return { ...state, run };
}
