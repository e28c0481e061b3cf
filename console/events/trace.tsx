import { useEffect, useState } from 'preact/hooks';
import { type Failure, read } from '../api.ts';

/** Time until the deliveries of all nodes are known. */
const WAIT_MS = 1000;

interface Finding {
  readonly text: string;
}

interface Story {
  readonly received?: string;
  readonly parts: readonly {
    readonly event: string;
    readonly channel: string;
    readonly findings: readonly Finding[];
  }[];
  readonly findings: readonly Finding[];
}

interface TraceProps {
  /** The id of an event, or app and channel. */
  readonly question: Readonly<Record<string, string>>;
  readonly title?: string;
  /** When it was published; by default now. */
  readonly atMs?: number;
}

/** Tells what became of an event, where the server traces events. */
export function Trace({ question, title = 'What became of it', atMs }: TraceProps) {
  const query = new URLSearchParams(question).toString();
  const [waitMs] = useState(() => Math.max(0, (atMs ?? Date.now()) + WAIT_MS - Date.now()));
  const [story, setStory] = useState<Story>();
  const [problem, setProblem] = useState('');
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    const ask = (): void => {
      read(`/trace?${query}`).then(
        (answer) => setStory((answer as { story: Story }).story),
        (error: unknown) => setProblem((error as Failure).status === 404 ? '' : (error as Error).message),
      );
    };
    const timer = setTimeout(ask, asked === 0 ? Math.min(WAIT_MS, waitMs) : 0);
    return () => clearTimeout(timer);
  }, [query, asked, waitMs]);
  if (problem !== '') return <p class="problem">{problem}</p>;
  if (story === undefined) return null;
  const findings = [...story.parts.flatMap((part) => part.findings), ...story.findings];
  return (
    <section class="panel" aria-label="Trace">
      <h2>{title}</h2>
      {story.received !== undefined && (
        <p>
          <bdi>{story.received}</bdi>
        </p>
      )}
      <ul>
        {findings.map(({ text }, at) => (
          <li key={at}>
            <bdi>{text}</bdi>
          </li>
        ))}
      </ul>
      <button type="button" onClick={() => setAsked(asked + 1)}>
        Look again
      </button>
    </section>
  );
}
