import { useState } from 'preact/hooks';
import { read } from '../api.ts';
import { momentOf, timeOf } from '../format.ts';
import { type Action, Actions } from '../inspect/actions.tsx';
import type { ViewProps } from '../shell/view-props.ts';

/** A delivery that was given up. */
export interface Failed {
  readonly id: string;
  readonly endpoint: string;
  readonly event: string;
  readonly channel: string;
  readonly reason: string;
  readonly failedAtMs: number;
}

/** Puts deliveries back into the queues of their endpoints. */
export const replaying = (label: string, ids: readonly string[]): Action => ({
  label,
  question: `Send ${ids.length === 1 ? 'it' : `these ${ids.length}`} to the endpoint again?`,
  path: '/webhooks/replay',
  body: { ids },
  done: (answer) => `${(answer as { replayed: number }).replayed} of ${ids.length} will be sent again.`,
});

interface FailedDeliveryProps extends ViewProps {
  readonly failed: Failed;
}

/** One delivery, which unfolds to its reason and, on request, to its body. */
export function FailedDelivery({ failed, onLoggedOut }: FailedDeliveryProps) {
  const [isOpen, setOpen] = useState(false);
  const { id, endpoint, event, channel, reason, failedAtMs } = failed;
  return (
    <li class="line">
      <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <time dateTime={new Date(failedAtMs).toISOString()}>{timeOf(failedAtMs)}</time>
        <span class="names">
          <bdi class="event">{event}</bdi>
          {!channel.startsWith('#') && <bdi class="channel">{channel}</bdi>}
          <bdi class="summary">{reason}</bdi>
        </span>
        <bdi class="app">{endpoint}</bdi>
      </button>
      {isOpen && (
        <>
          <dl>
            <dt>time</dt>
            <dd>{momentOf(failedAtMs)}</dd>
            <dt>reason</dt>
            <dd>
              <bdi>{reason}</bdi>
            </dd>
            <dt>id</dt>
            <dd>{id}</dd>
            <Body id={id} />
          </dl>
          <Actions actions={[replaying('Replay this delivery', [id])]} onLoggedOut={onLoggedOut} />
        </>
      )}
    </li>
  );
}

function Body({ id }: { readonly id: string }) {
  const [text, setText] = useState<string>();
  const show = (): void => {
    read(`/webhooks/failed/${encodeURIComponent(id)}`).then(
      (answer) => setText(JSON.stringify((answer as { body: object }).body, undefined, 2)),
      (error: unknown) => setText((error as Error).message),
    );
  };
  return (
    <>
      <dt>body</dt>
      <dd>
        {text === undefined ? (
          <button type="button" onClick={show}>
            Show the body
          </button>
        ) : (
          <pre>{text}</pre>
        )}
      </dd>
    </>
  );
}
