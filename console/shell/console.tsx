import { useEffect, useState } from 'preact/hooks';
import { type Failure, type Mode, session } from '../api.ts';
import { LogIn } from './log-in.tsx';
import { Shell } from './shell.tsx';

const RETRY_MS = 3000;

type State = Mode | 'unknown' | 'away' | 'logged-out';

/** The whole page: the log-in, or the views of somebody who is logged in. */
export function Console() {
  const [state, setState] = useState<State>('unknown');
  useEffect(() => {
    if (state !== 'unknown' && state !== 'away') return;
    const check = (): void => {
      session().then(setState, (error: unknown) => {
        const { status } = error as Failure;
        setState(status === 401 ? 'logged-out' : 'away');
      });
    };
    if (state === 'unknown') return check();
    const timer = setInterval(check, RETRY_MS);
    return () => clearInterval(timer);
  }, [state]);
  if (state === 'unknown') return null;
  if (state === 'away')
    return (
      <p class="notice" role="status">
        The server does not answer. Trying again…
      </p>
    );
  if (state === 'logged-out') return <LogIn onLogIn={setState} />;
  return <Shell mode={state} onLogOut={() => setState('logged-out')} />;
}
