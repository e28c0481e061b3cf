import { useContext, useState } from 'preact/hooks';
import { act, type Failure } from '../api.ts';
import { ModeContext } from '../shell/mode.ts';

export interface Action {
  readonly label: string;
  /** Asked before it is done. */
  readonly question: string;
  readonly path: string;
  readonly body: object;
  /** Said afterwards, of the answer if it matters. */
  readonly done: string | ((answer: unknown) => string);
}

/** Buttons that change something; each asks first. A console that is read-only has none that can be pressed. */
export function Actions({
  actions,
  onLoggedOut,
}: {
  readonly actions: readonly Action[];
  readonly onLoggedOut: () => void;
}) {
  const mode = useContext(ModeContext);
  const [asked, setAsked] = useState<Action>();
  const [said, setSaid] = useState<{ readonly text: string; readonly isProblem: boolean }>();
  const perform = ({ path, body, done }: Action): void => {
    setAsked(undefined);
    act(path, body).then(
      (answer) => setSaid({ text: typeof done === 'string' ? done : done(answer), isProblem: false }),
      (error: unknown) => {
        if ((error as Failure).status === 401) return onLoggedOut();
        setSaid({ text: (error as Error).message, isProblem: true });
      },
    );
  };
  return (
    <section class="actions" aria-label="Actions">
      {asked === undefined ? (
        <p class="bar">
          {actions.map((each) => (
            <button
              key={each.label}
              type="button"
              disabled={mode === 'read'}
              onClick={() => {
                setSaid(undefined);
                setAsked(each);
              }}
            >
              {each.label}
            </button>
          ))}
        </p>
      ) : (
        <p class="bar" role="group" aria-label={asked.label}>
          <bdi>{asked.question}</bdi>
          <button type="button" class="danger" ref={focusOnce} onClick={() => perform(asked)}>
            Yes
          </button>
          <button type="button" onClick={() => setAsked(undefined)}>
            No
          </button>
        </p>
      )}
      <p role="status" class={said?.isProblem === true ? 'problem' : 'hint'}>
        {said?.text}
      </p>
    </section>
  );
}

/** The button that was pressed is gone: the focus moves to the answer. */
const focusOnce = (button: HTMLButtonElement | null): void => button?.focus();
