import type { ComponentType } from 'preact';
import { useEffect, useErrorBoundary } from 'preact/hooks';
import { logOut, type Mode } from '../api.ts';
import { Channels } from '../inspect/channels.tsx';
import { ConnectionView } from '../inspect/connection-view.tsx';
import { Users } from '../inspect/users.tsx';
import { LiveView } from '../live/live-view.tsx';
import { Overview } from '../overview/overview.tsx';
import { ModeContext } from './mode.ts';
import { useHash, viewIn } from './route.ts';
import { PART_VIEWS } from './part-views.ts';
import { useParts } from './use-parts.ts';
import type { ViewProps } from './view-props.ts';

const VIEWS: readonly View[] = [
  { path: 'overview', title: 'Overview', View: Overview },
  { path: 'live', title: 'Live', View: LiveView },
  { path: 'channels', title: 'Channels', View: Channels },
  { path: 'users', title: 'Users', View: Users },
  { path: 'connection', title: 'Connection', View: ConnectionView },
  ...PART_VIEWS,
];

interface View {
  readonly path: string;
  readonly title: string;
  /** Part of the server without which it is not shown. */
  readonly part?: string;
  readonly View: ComponentType<ViewProps>;
}

interface ShellProps {
  readonly mode: Mode;
  /** Called when the session has ended, too. */
  readonly onLogOut: () => void;
}

/** Navigation, and one view. */
export function Shell({ mode, onLogOut }: ShellProps) {
  const { value: parts, problem } = useParts(onLogOut);
  const views = VIEWS.filter(({ part }) => part === undefined || parts?.has(part) === true);
  const hash = useHash();
  const view = views.find(({ path }) => path === viewIn(hash)) ?? views[0];
  const title = view?.title ?? '';
  useEffect(() => void (document.title = `${title} – Wavehall`), [title]);
  const leave = (): void => void logOut().then(onLogOut, onLogOut);
  const isWaiting = parts === undefined && problem === undefined;
  if (isWaiting || view === undefined) return null;
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
          {views.map(({ path, title: name }) => (
            <a key={path} href={`#/${path}`} aria-current={path === view.path ? 'page' : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <button type="button" class="quiet" onClick={leave}>
          Log out
        </button>
      </header>
      <main id="view" tabIndex={-1}>
        <ModeContext.Provider value={mode}>
          <Guarded key={view.path} view={view} onLoggedOut={onLogOut} />
        </ModeContext.Provider>
      </main>
    </div>
  );
}

/** Shows a view, or says that it cannot: an answer of another form than expected ends no other view. */
function Guarded({ view: { title, View }, onLoggedOut }: ViewProps & { readonly view: View }) {
  const [error, again] = useErrorBoundary((error) => reportError(error)) as [unknown, () => void];
  if (error === undefined) return <View onLoggedOut={onLoggedOut} />;
  return (
    <>
      <h1>{title}</h1>
      <p role="alert" class="problem">
        The answer of the server cannot be shown. It may be of another version.
      </p>
      <p class="bar">
        <button type="button" onClick={again}>
          Try again
        </button>
      </p>
    </>
  );
}

/** The hash is that of a view, so that the link moves the focus itself. */
function focusView(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#view')?.focus();
}
