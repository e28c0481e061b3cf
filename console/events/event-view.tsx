import { useContext, useState } from 'preact/hooks';
import { act } from '../api.ts';
import { AppSelect } from '../shell/app-select.tsx';
import { ReadOnly } from '../shell/table.tsx';
import { useAction } from '../shell/use-action.ts';
import { useAppIds } from '../shell/use-app-ids.ts';
import { ModeContext } from '../shell/mode.ts';
import type { ViewProps } from '../shell/view-props.ts';
import { faultIn } from './json-place.ts';
import { Trace } from './trace.tsx';

interface Draft {
  readonly app: string;
  readonly channels: string;
  readonly name: string;
  readonly data: string;
  readonly socket: string;
}

const EMPTY: Draft = { app: '', channels: '', name: '', data: '{}', socket: '' };

/** Publishes an event as an app does, and shows what became of it. */
export function EventView({ onLoggedOut }: ViewProps) {
  const mode = useContext(ModeContext);
  const { value: apps = [], problem } = useAppIds(onLoggedOut);
  const [draft, setDraft] = useState(EMPTY);
  const { isBusy, result, failure, run } = useAction<{ readonly id: string | null }>(onLoggedOut);
  const app = draft.app === '' ? (apps[0] ?? '') : draft.app;
  const fault = faultIn(draft.data);
  const submit = (event: Event): void => {
    event.preventDefault();
    run(() => publish({ ...draft, app }));
  };
  return (
    <>
      <h1>Event creator</h1>
      <ReadOnly />
      <p role="alert" class="problem">
        {problem}
      </p>
      <form class="panel form" onSubmit={submit}>
        <Fields draft={{ ...draft, app }} apps={apps} onChange={setDraft} />
        <DataField data={draft.data} onChange={(data) => setDraft({ ...draft, data })} />
        <div class="bar">
          <button type="submit" class="primary" disabled={isBusy || mode === 'read' || fault !== undefined}>
            Send event
          </button>
        </div>
      </form>
      <div role="status" class="outcome">
        {failure !== undefined && (
          <p class="problem">
            Refused{failure.status > 0 && ` with ${failure.status}`}: <bdi>{failure.message}</bdi>
          </p>
        )}
        {result !== undefined && (
          <p class="good">Accepted with 200{result.id !== null && `, event id ${result.id}`}.</p>
        )}
      </div>
      {result !== undefined && result.id !== null && <Trace key={result.id} question={{ id: result.id }} />}
    </>
  );
}

const publish = async ({ app, channels, name, data, socket }: Draft): Promise<{ id: string | null }> => {
  const event = {
    app,
    name: name.trim(),
    data,
    channels: channels.split(/[\s,]+/).filter((each) => each !== ''),
  };
  const given = socket.trim() === '' ? event : { ...event, socket_id: socket.trim() };
  return (await act('/events', given)) as { id: string | null };
};

interface FieldsProps {
  readonly draft: Draft;
  readonly apps: readonly string[];
  readonly onChange: (draft: Draft) => void;
}

function Fields({ draft, apps, onChange }: FieldsProps) {
  return (
    <div class="fields">
      <AppSelect app={draft.app} ids={apps} onChange={(app) => onChange({ ...draft, app })} />
      <Text
        label="Channels"
        hint="orders, private-chat.1"
        isRequired
        value={draft.channels}
        onChange={(channels) => onChange({ ...draft, channels })}
      />
      <Text
        label="Event"
        hint="App\Events\OrderShipped"
        isRequired
        value={draft.name}
        onChange={(name) => onChange({ ...draft, name })}
      />
      <Text
        label="Without socket"
        hint="socket id, as toOthers() does"
        value={draft.socket}
        onChange={(socket) => onChange({ ...draft, socket })}
      />
    </div>
  );
}

interface TextProps {
  readonly label: string;
  readonly hint: string;
  readonly isRequired?: boolean;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

const Text = ({ label, hint, isRequired = false, value, onChange }: TextProps) => (
  <label>
    {label}
    <input
      placeholder={hint}
      required={isRequired}
      spellcheck={false}
      autocapitalize="off"
      value={value}
      onInput={({ currentTarget }) => onChange(currentTarget.value)}
    />
  </label>
);

function DataField({ data, onChange }: { readonly data: string; readonly onChange: (data: string) => void }) {
  const fault = faultIn(data);
  return (
    <label class="data">
      Data
      <textarea
        rows={8}
        spellcheck={false}
        value={data}
        aria-invalid={fault !== undefined}
        aria-describedby="data-state"
        onInput={({ currentTarget }) => onChange(currentTarget.value)}
      />
      <span id="data-state" class={fault === undefined ? 'hint' : 'bad'}>
        {fault === undefined
          ? 'This is JSON.'
          : `Not JSON: line ${fault.line}, column ${fault.column}: expected ${fault.expected}.`}
      </span>
    </label>
  );
}
