import { useState } from 'preact/hooks';
import { logIn, type Mode } from '../api.ts';

/** Asks for the token of the admin API. */
export function LogIn({ onLogIn }: { readonly onLogIn: (mode: Mode) => void }) {
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState('');
  const [isBusy, setBusy] = useState(false);
  const submit = (event: Event): void => {
    event.preventDefault();
    setBusy(true);
    logIn(token.trim())
      .then(onLogIn, (error: unknown) => setProblem((error as Error).message))
      .finally(() => setBusy(false));
  };
  return (
    <main class="log-in">
      <form onSubmit={submit}>
        <h1>
          <img src="./icon.svg" alt="" width="32" height="32" /> Wavehall
        </h1>
        <label for="token">Admin token</label>
        <input
          id="token"
          type="password"
          autocomplete="current-password"
          required
          value={token}
          aria-describedby="token-hint"
          onInput={({ currentTarget }) => setToken(currentTarget.value)}
        />
        <p id="token-hint" class="hint">
          The value of WAVEHALL_ADMIN_TOKEN.
        </p>
        <p role="alert" class="problem">
          {problem}
        </p>
        <button type="submit" class="primary" disabled={isBusy}>
          Log in
        </button>
      </form>
    </main>
  );
}
