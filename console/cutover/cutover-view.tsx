import { read } from '../api.ts';
import { momentOf, numberOf } from '../format.ts';
import { usePoll } from '../shell/use-poll.ts';
import { Table } from '../shell/table.tsx';
import type { ViewProps } from '../shell/view-props.ts';
import { type Cutover, SIDES, sideRows } from './cutover-status.ts';

const POLL_MS = 3000;
const NAMES = { wavehall: 'Wavehall', upstream: 'The upstream' } as const;

const ask = async (): Promise<Cutover> => (await read('/cutover')) as Cutover;

/** The percentage of a cutover, and both servers side by side. */
export function CutoverView({ onLoggedOut }: ViewProps) {
  const { value, problem } = usePoll(ask, POLL_MS, onLoggedOut);
  return (
    <>
      <h1>Cutover</h1>
      <p role="alert" class="problem">
        {problem !== undefined && `${problem} This is the last known state.`}
      </p>
      {value === undefined ? <p class="notice">Reading…</p> : <State cutover={value} />}
    </>
  );
}

function State({ cutover }: { readonly cutover: Cutover }) {
  const { percentage, upstream, bridge } = cutover;
  const { percent, lastGood, changedAtMs, changedBy } = percentage;
  return (
    <>
      <label class="panel share">
        <span>
          Wavehall has <b>{percent} %</b> of the browsers, <bdi>{upstream}</bdi> the others
        </span>
        <meter min={0} max={100} value={percent}>
          {percent} %
        </meter>
      </label>
      <p class="hint">
        {changedAtMs > 0 && (
          <>
            Set {momentOf(changedAtMs)} by <bdi>{changedBy}</bdi>.{' '}
          </>
        )}
        Last good: {lastGood} %. Only the token itself changes it: <code>wavehall cutover set</code>.
      </p>
      <Problems cutover={cutover} />
      <Table label="Both servers" head={['', 'Wavehall', 'upstream']} rows={sideRows(cutover)} none="" />
      <h2>Bridge</h2>
      <Table
        label="Bridge"
        head={[
          'app',
          'state',
          'channels',
          'members',
          'to the upstream',
          'from the upstream',
          'waiting',
          'dropped',
        ]}
        rows={bridge.map((each) => [
          each.app,
          <span key="state" class={each.connected ? 'good' : 'bad'}>
            {each.connected ? 'connected' : `disconnected ${each.lastError ?? ''}`}
          </span>,
          ...[each.channels, each.members, each.forwarded, each.received, each.queue.events].map(numberOf),
          numberOf(Object.values(each.dropped).reduce((sum, count) => sum + count, 0)),
        ])}
        none="No app is bridged."
      />
    </>
  );
}

function Problems({ cutover: { percentage, watch } }: { readonly cutover: Cutover }) {
  return (
    <>
      {!percentage.isShared && (
        <p class="problem">
          The last change is not saved yet: other nodes and the next start do not have it.
        </p>
      )}
      {watch.rollback.isBlocked && (
        <p class="problem">Rollback blocked: Wavehall exceeds a limit, and the upstream cannot be reached.</p>
      )}
      {SIDES.flatMap((side) =>
        watch.health[side].breaches.map(({ text }) => (
          <p key={side + text} class="problem">
            {NAMES[side]}: <bdi>{text}</bdi>
          </p>
        )),
      )}
    </>
  );
}
