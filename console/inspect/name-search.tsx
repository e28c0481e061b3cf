import { useEffect, useRef, useState } from 'preact/hooks';
import { pathOf } from '../api.ts';
import { plural } from '../format.ts';
import { type Go, linkTo, type Params } from '../shell/route.ts';
import { type FoundNames, useAnswer } from './answers.ts';
import { AppField, Missing, Place } from './parts.tsx';

const POLL_MS = 15_000;
/** Time after the last key until the server is asked. */
const TYPING_MS = 400;
const MAX_CHARS = 1024;

interface SearchProps {
  readonly view: 'channels' | 'users';
  /** Name of what each has: a subscriber, a connection. */
  readonly noun: string;
  readonly hint: string;
  readonly params: Params;
  readonly go: Go;
  readonly link: (app: string, name: string) => string;
  readonly onLoggedOut: () => void;
}

/** Searches the names of channels or users of all processes, a page at a time. */
export function NameSearch(props: SearchProps) {
  const { view, hint, params, go, onLoggedOut } = props;
  const { app, search = '' } = params;
  return (
    <>
      <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <AppField
          app={app}
          onChange={(chosen, isFirst) =>
            go(view, { ...(isFirst ? params : { search }), app: chosen }, isFirst)
          }
          onLoggedOut={onLoggedOut}
        />
        <SearchField hint={hint} text={search} onChange={(text) => go(view, { app, search: text }, true)} />
      </form>
      {app !== undefined && <Found {...props} app={app} />}
    </>
  );
}

function SearchField({
  text,
  hint,
  onChange,
}: {
  readonly text: string;
  readonly hint: string;
  readonly onChange: (text: string) => void;
}) {
  const [typed, setTyped] = useState(text);
  const change = useRef(onChange);
  change.current = onChange;
  useEffect(() => setTyped(text), [text]);
  useEffect(() => {
    const wanted = typed.trim();
    if (wanted === text) return;
    const timer = setTimeout(() => change.current(wanted), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, text]);
  return (
    <label>
      Search
      <input
        type="search"
        placeholder={hint}
        maxLength={MAX_CHARS}
        value={typed}
        onInput={({ currentTarget }) => setTyped(currentTarget.value)}
      />
    </label>
  );
}

function Found({ view, noun, params, link, app, onLoggedOut }: SearchProps & { readonly app: string }) {
  const { search, after } = params;
  const path = pathOf(`/${view}`, { app, search, after });
  const { value, problem } = useAnswer<FoundNames>(path, POLL_MS, onLoggedOut);
  const last = value?.found.at(-1)?.name;
  return (
    <>
      <p role="alert" class="problem">
        {problem}
      </p>
      {value === undefined ? (
        problem === undefined && <p class="notice">Reading…</p>
      ) : (
        <>
          <Missing silent={value.silent} />
          {value.isCut && (
            <p class="problem" role="status">
              There are more than one search goes through: some names are missing.
            </p>
          )}
          <Names found={value.found} noun={noun} link={(name) => link(app, name)} view={view} />
          <nav class="bar pages" aria-label="Pages">
            {after !== undefined && <a href={linkTo(view, { app, search })}>First page</a>}
            {value.more && <a href={linkTo(view, { app, search, after: last })}>Next page</a>}
          </nav>
        </>
      )}
    </>
  );
}

function Names({
  found,
  noun,
  link,
  view,
}: {
  readonly found: FoundNames['found'];
  readonly noun: string;
  readonly link: (name: string) => string;
  readonly view: string;
}) {
  if (found.length === 0) return <p class="notice">None found.</p>;
  return (
    <ul class="rows" aria-label={`Found ${view}`}>
      {found.map(({ name, count, processes }) => (
        <li key={name}>
          <a href={link(name)}>
            <bdi>{name}</bdi>
          </a>{' '}
          <span>{plural(count, noun)}</span>
          <span class="hint">
            {processes.map((each) => (
              <span key={`${each.node} ${each.host} ${each.pid}`}>
                <Place process={each} />: {each.count}
              </span>
            ))}
          </span>
        </li>
      ))}
    </ul>
  );
}
