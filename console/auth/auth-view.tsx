import { useState } from 'preact/hooks';
import { read } from '../api.ts';
import { momentOf, timeOf } from '../format.ts';
import { type Action, Actions } from '../inspect/actions.tsx';
import { usePoll } from '../shell/use-poll.ts';
import { ReadOnly } from '../shell/table.tsx';
import type { ViewProps } from '../shell/view-props.ts';

const POLL_MS = 3000;

interface Decision {
  readonly atMs: number;
  readonly purpose: 'channel' | 'user';
  readonly channel: string;
  readonly socket: string;
  readonly address: string;
  readonly outcome: string;
  readonly status: number;
  readonly owner?: string;
  readonly parts: readonly string[];
  readonly why: string;
}

const ask = async (): Promise<readonly Decision[]> =>
  ((await read('/auth/decisions')) as { decisions: readonly Decision[] }).decisions;

/** The last questions at the auth gateway, and why each was answered as it was. */
export function AuthView({ onLoggedOut }: ViewProps) {
  const { value, problem } = usePoll(ask, POLL_MS, onLoggedOut);
  return (
    <>
      <h1>Auth decisions</h1>
      <ReadOnly />
      <p role="alert" class="problem">
        {problem}
      </p>
      <Actions actions={[FORGET_ALL]} onLoggedOut={onLoggedOut} />
      {value === undefined || value.length === 0 ? (
        <p class="notice">{value === undefined ? 'Reading…' : 'No client has asked yet.'}</p>
      ) : (
        <>
          <Shares decisions={value} />
          <ol class="lines" aria-label="Questions, the newest first">
            {value.map((decision) => (
              <Question key={keyOf(decision)} decision={decision} onLoggedOut={onLoggedOut} />
            ))}
          </ol>
        </>
      )}
    </>
  );
}

const FORGET_ALL: Action = {
  label: 'Forget all decisions',
  question: 'Forget all decisions, on all nodes? Laravel is asked again by every client.',
  path: '/auth/forget',
  body: { all: true },
  done: 'All decisions are forgotten, on all nodes.',
};

const keyOf = ({ atMs, socket, channel, outcome }: Decision): string =>
  [atMs, socket, channel, outcome].join(' ');

/** Outcomes that did not reach Laravel. */
const SAVED = new Set(['hit', 'stale', 'joined', 'token']);

function Shares({ decisions }: { readonly decisions: readonly Decision[] }) {
  const saved = decisions.filter(({ outcome }) => SAVED.has(outcome)).length;
  return (
    <p class="hint">
      {saved} of the last {decisions.length} did not reach Laravel (
      {Math.round((100 * saved) / decisions.length)} %).
    </p>
  );
}

interface QuestionProps extends ViewProps {
  readonly decision: Decision;
}

function Question({ decision, onLoggedOut }: QuestionProps) {
  const [isOpen, setOpen] = useState(false);
  const { atMs, purpose, channel, outcome, status, address } = decision;
  return (
    <li class="line">
      <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <time dateTime={new Date(atMs).toISOString()}>{timeOf(atMs)}</time>
        <span class={`kind ${status === 200 ? 'published' : 'refused'}`}>{outcome.replace('_', ' ')}</span>
        <span class="names">
          <bdi class="channel">
            {purpose === 'user' ? 'sign-in of a user' : channel || 'no usual question'}
          </bdi>
          <bdi class="summary">
            {status} · {address}
          </bdi>
        </span>
      </button>
      {isOpen && <Details decision={decision} onLoggedOut={onLoggedOut} />}
    </li>
  );
}

function Details({ decision, onLoggedOut }: QuestionProps) {
  const { atMs, why, socket, owner, parts } = decision;
  return (
    <>
      <dl>
        <dt>why</dt>
        <dd>
          <bdi>{why}</bdi>
        </dd>
        <dt>time</dt>
        <dd>{momentOf(atMs)}</dd>
        <dt>socket</dt>
        <dd>
          <bdi>{socket}</bdi>
        </dd>
        {owner !== undefined && [
          <dt key="owner">session or token</dt>,
          <dd key="owner-digest">{owner.slice(0, 12)}… (a digest)</dd>,
          <dt key="parts">decided by</dt>,
          <dd key="part-names">
            <bdi>{['session or token', 'channel', ...parts].join(', ')}</bdi>
          </dd>,
        ]}
      </dl>
      {owner !== undefined && <Actions actions={forgetting(owner, decision)} onLoggedOut={onLoggedOut} />}
    </>
  );
}

const forgetting = (owner: string, { channel }: Decision): readonly Action[] => [
  {
    label: 'Forget this session or token',
    question: 'Forget all decisions of this session or token?',
    path: '/auth/forget',
    body: { owner },
    done: 'The decisions of this session or token are forgotten.',
  },
  ...(channel === ''
    ? []
    : [
        {
          label: 'Forget this channel',
          question: `Forget all decisions about ${channel}?`,
          path: '/auth/forget',
          body: { channel },
          done: 'The decisions about this channel are forgotten.',
        },
      ]),
];
