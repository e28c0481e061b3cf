import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { numberOf, plural } from '../format.ts';
import { FilterBar, NO_FILTER } from './filter-bar.tsx';
import { LiveLine } from './live-line.tsx';
import { hasText, kindOf, KINDS, type Line, MAX_LINES, withLines } from './lines.ts';
import { type LinkState, watchLive } from './live-socket.ts';

const WORDS: Readonly<Record<LinkState, string>> = {
  connecting: 'Connecting…',
  open: 'Live',
  away: 'The server is away. Trying again…',
};

/** Lines of everything that happens, the newest first. */
export function LiveView({ onLoggedOut }: { readonly onLoggedOut: () => void }) {
  const [filter, setFilter] = useState(NO_FILTER);
  const [lines, setLines] = useState<readonly Line[]>([]);
  const [state, setState] = useState<LinkState>('connecting');
  const [isPaused, setPaused] = useState(false);
  const [missed, setMissed] = useState(0);
  const paused = useRef(false);
  const { search, kinds, app, channel, event, payload } = filter;
  useEffect(() => {
    const onLines = (added: readonly Line[]): void => {
      if (paused.current) setMissed((before) => before + added.length);
      else setLines((before) => withLines(before, added));
    };
    return watchLive({ app, channel, event, payload }, { onLines, onState: setState, onLoggedOut });
  }, [app, channel, event, payload, onLoggedOut]);
  const shown = useMemo(
    () => lines.filter((line) => isWanted(line, kinds) && hasText(line, search)),
    [lines, kinds, search],
  );
  const pause = (): void => {
    paused.current = !isPaused;
    setPaused(!isPaused);
    setMissed(0);
  };
  return (
    <>
      <h1>
        Live{' '}
        <span class={`state ${state}`} role="status">
          {isPaused ? `Paused: ${plural(missed, 'line')} passed` : WORDS[state]}
        </span>
      </h1>
      <FilterBar filter={filter} onChange={setFilter} onLoggedOut={onLoggedOut} />
      <div class="bar">
        <button type="button" aria-pressed={isPaused} onClick={pause}>
          {isPaused ? 'Go on' : 'Pause'}
        </button>
        <button type="button" onClick={() => setLines([])}>
          Clear
        </button>
        <span class="hint">
          {numberOf(shown.length)} of {plural(lines.length, 'line')}; the last {MAX_LINES} are kept
        </span>
      </div>
      {shown.length === 0 ? (
        <p class="notice">Nothing yet. Lines appear as clients connect, subscribe and get events.</p>
      ) : (
        <ol class="lines" aria-label="What happened, the newest first">
          {shown.map((line) => (
            <LiveLine key={line.id} line={line} />
          ))}
        </ol>
      )}
    </>
  );
}

function isWanted(line: Line, kinds: ReadonlySet<string>): boolean {
  const kindOfLine = kindOf(line);
  return kinds.has(kindOfLine) || !KINDS.some((kind) => kind === kindOfLine);
}
