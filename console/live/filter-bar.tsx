import { useEffect, useRef, useState } from 'preact/hooks';
import { AppSelect } from '../shell/app-select.tsx';
import { useAppIds } from '../shell/use-app-ids.ts';
import { KINDS } from './lines.ts';
import type { LiveFilter } from './live-socket.ts';

/** Time after the last key until the server is asked with another filter. */
const TYPING_MS = 400;
/** The server refuses longer names. */
const MAX_CHARS = 300;

export interface ViewFilter extends LiveFilter {
  readonly search: string;
  readonly kinds: ReadonlySet<string>;
}

export const NO_FILTER: ViewFilter = {
  ...{ app: '', channel: '', event: '', payload: false, search: '' },
  kinds: new Set(KINDS),
};

interface FilterProps {
  readonly filter: ViewFilter;
  readonly onChange: (filter: ViewFilter) => void;
  readonly onLoggedOut: () => void;
}

/** Filters of the live view. The server applies all but the kinds and the search. */
export function FilterBar({ filter, onChange, onLoggedOut }: FilterProps) {
  const { value: ids = [] } = useAppIds(onLoggedOut);
  const toggle = (kind: string): void => {
    const kinds = new Set(filter.kinds);
    if (!kinds.delete(kind)) kinds.add(kind);
    onChange({ ...filter, kinds });
  };
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <AppSelect app={filter.app} ids={ids} hasAll onChange={(app) => onChange({ ...filter, app })} />
      <Name
        label="Channel"
        hint="orders or orders.*"
        value={filter.channel}
        onChange={(channel) => channel !== filter.channel && onChange({ ...filter, channel })}
      />
      <Name
        label="Event"
        hint="any"
        value={filter.event}
        onChange={(event) => event !== filter.event && onChange({ ...filter, event })}
      />
      <label>
        Search
        <input
          type="search"
          placeholder="in the lines below"
          value={filter.search}
          onInput={({ currentTarget }) => onChange({ ...filter, search: currentTarget.value })}
        />
      </label>
      <fieldset>
        <legend>Kinds</legend>
        {KINDS.map((kind) => (
          <label key={kind} class="check">
            <input type="checkbox" checked={filter.kinds.has(kind)} onChange={() => toggle(kind)} /> {kind}
          </label>
        ))}
      </fieldset>
      <label class="check payloads">
        <input
          type="checkbox"
          checked={filter.payload}
          onChange={() => onChange({ ...filter, payload: !filter.payload })}
        />{' '}
        with payloads: the server sends the data of events, and each line shows it on request
      </label>
    </form>
  );
}

interface NameProps {
  readonly label: string;
  readonly hint: string;
  readonly value: string;
  readonly onChange: (name: string) => unknown;
}

/** A field that is applied once the typing has ended. */
function Name({ label, hint, value, onChange }: NameProps) {
  const [text, setText] = useState(value);
  // Lines arrive while somebody types: they must not begin the wait again.
  const change = useRef(onChange);
  change.current = onChange;
  useEffect(() => {
    const timer = setTimeout(() => change.current(text.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <label>
      {label}
      <input
        placeholder={hint}
        maxLength={MAX_CHARS}
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
      />
    </label>
  );
}
