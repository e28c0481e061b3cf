import { useEffect, useState } from 'preact/hooks';
import { logOut, type Mode } from '../api.ts';
import { Channels } from '../inspect/channels.tsx';
import { ConnectionView } from '../inspect/connection-view.tsx';
import { Users } from '../inspect/users.tsx';
import { LiveView } from '../live/live-view.tsx';
import { Overview } from '../overview/overview.tsx';
import { ModeContext } from './mode.ts';
import { viewIn } from './route.ts';

const VIEWS = [
  { path: 'overview', title: 'Overview', View: Overview },
  { path: 'live', title: 'Live', View: LiveView },
  { path: 'channels', title: 'Channels', View: Channels },
  { path: 'users', title: 'Users', View: Users },
  { path: 'connection', title: 'Connection', View: ConnectionView },
] as const;

const viewAt = (hash: string) => VIEWS.find(({ path }) => path === viewIn(hash)) ?? VIEWS[0];

interface ShellProps {
  readonly mode: Mode;
  /** Called when the session has ended, too. */
  readonly onLogOut: () => void;
}

/** Navigation, and one view. */
export function Shell({ mode, onLogOut }: ShellProps) {
  const [view, setView] = useState(viewAt(location.hash));
  useEffect(() => {
    const change = (): void => setView(viewAt(location.hash));
    addEventListener('hashchange', change);
    return () => removeEventListener('hashchange', change);
  }, []);
  useEffect(() => void (document.title = `${view.title} – Wavehall`), [view]);
  const leave = (): void => void logOut().then(onLogOut, onLogOut);
  return (
    <div class="shell">
      <a class="skip" href="#view" onClick={focusView}>
        Skip to the view
      </a>
      <header>
        <p class="brand">
          <img src="./icon.svg" alt="" width="24" height="24" /> Wavehall
          {mode === 'read' && <span class="badge">read-only</span>}
        </p>
        <nav aria-label="Views">
          {VIEWS.map(({ path, title }) => (
            <a key={path} href={`#/${path}`} aria-current={path === view.path ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <button type="button" class="quiet" onClick={leave}>
          Log out
        </button>
      </header>
      <main id="view" tabIndex={-1}>
        <ModeContext.Provider value={mode}>
          <view.View onLoggedOut={onLogOut} />
        </ModeContext.Provider>
      </main>
    </div>
  );
}

/** The hash is that of a view, so that the link moves the focus itself. */
function focusView(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#view')?.focus();
}
