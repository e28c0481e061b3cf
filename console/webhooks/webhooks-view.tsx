import { useContext } from 'preact/hooks';
import { act, read } from '../api.ts';
import { durationOf, numberOf } from '../format.ts';
import { Actions } from '../inspect/actions.tsx';
import { usePoll } from '../shell/use-poll.ts';
import { ReadOnly, Table } from '../shell/table.tsx';
import { useAction } from '../shell/use-action.ts';
import { ModeContext } from '../shell/mode.ts';
import type { ViewProps } from '../shell/view-props.ts';
import { type Failed, FailedDelivery, replaying } from './failed-delivery.tsx';

const POLL_MS = 5000;
/** Deliveries that are shown, and that one request may replay. */
const MAX_SHOWN = 200;

interface Endpoint {
  readonly name: string;
  readonly app: string;
  readonly waiting: number;
  readonly oldestSeconds: number;
  readonly isFailing: boolean;
}

interface Webhooks {
  readonly endpoints: readonly Endpoint[];
  readonly failed: readonly Failed[];
}

const ask = async (): Promise<Webhooks> => {
  const [{ endpoints }, { failed }] = (await Promise.all([read('/webhooks'), read('/webhooks/failed')])) as [
    Pick<Webhooks, 'endpoints'>,
    Pick<Webhooks, 'failed'>,
  ];
  return { endpoints, failed };
};

/** The endpoints of webhooks, and the deliveries that were given up. */
export function WebhooksView({ onLoggedOut }: ViewProps) {
  const mode = useContext(ModeContext);
  const { value, problem } = usePoll(ask, POLL_MS, onLoggedOut);
  const { isBusy, result, failure, run } = useAction<string>(onLoggedOut);
  const isOff = isBusy || mode === 'read';
  const test = (endpoint: string): void =>
    run(async () => {
      const { isDelivered, reason } = (await act('/webhooks/test', { endpoint })) as {
        isDelivered: boolean;
        reason?: string;
      };
      return isDelivered
        ? `${endpoint} accepted the test event.`
        : `${endpoint} did not accept it: ${reason ?? ''}`;
    });
  return (
    <>
      <h1>Webhooks</h1>
      <ReadOnly />
      <p role="alert" class="problem">
        {problem ?? failure?.message}
      </p>
      <p role="status" class="hint">
        <bdi>{result}</bdi>
      </p>
      {value === undefined ? (
        <p class="notice">Reading…</p>
      ) : (
        <>
          <Endpoints endpoints={value.endpoints} isOff={isOff} test={test} />
          <DeadLetters failed={value.failed} onLoggedOut={onLoggedOut} />
        </>
      )}
    </>
  );
}

interface EndpointsProps {
  readonly endpoints: readonly Endpoint[];
  readonly isOff: boolean;
  readonly test: (endpoint: string) => void;
}

const Endpoints = ({ endpoints, isOff, test }: EndpointsProps) => (
  <Table
    label="Endpoints"
    head={['endpoint', 'app', 'waiting', 'oldest', 'state', 'test']}
    rows={endpoints.map(({ name, app, waiting, oldestSeconds, isFailing }) => [
      ...[name, app, numberOf(waiting), waiting === 0 ? '–' : durationOf(oldestSeconds)],
      <span key="state" class={isFailing ? 'bad' : 'good'}>
        {isFailing ? 'fails' : 'good'}
      </span>,
      <button
        key="test"
        type="button"
        disabled={isOff}
        aria-label={`Send a test event to ${name}`}
        onClick={() => test(name)}
      >
        Send a test event
      </button>,
    ])}
    none="No app has an endpoint now."
  />
);

interface DeadLettersProps extends ViewProps {
  readonly failed: readonly Failed[];
}

function DeadLetters({ failed, onLoggedOut }: DeadLettersProps) {
  const shown = failed.slice(0, MAX_SHOWN);
  const ids = shown.map(({ id }) => id);
  return (
    <>
      <h2>Dead letters</h2>
      {shown.length === 0 ? (
        <p class="notice">No delivery was given up.</p>
      ) : (
        <>
          <p class="hint">
            {failed.length > shown.length && `The newest ${MAX_SHOWN} of ${failed.length} are shown. `}The
            body of each may have data of your users: it is read only when you ask for it.
          </p>
          <Actions actions={[replaying('Replay all that are shown', ids)]} onLoggedOut={onLoggedOut} />
          <ol class="lines" aria-label="Dead letters, the newest first">
            {shown.map((each) => (
              <FailedDelivery key={each.id} failed={each} onLoggedOut={onLoggedOut} />
            ))}
          </ol>
        </>
      )}
    </>
  );
}
