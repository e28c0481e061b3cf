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

/** Tells what became of an event, where the server traces events. */
export function Trace({ id }: { readonly id: string }) {
  const [story, setStory] = useState<Story>();
  const [problem, setProblem] = useState('');
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    const ask = (): void => {
      read(`/trace?id=${encodeURIComponent(id)}`).then(
        (answer) => setStory((answer as { story: Story }).story),
        (error: unknown) => setProblem((error as Failure).status === 404 ? '' : (error as Error).message),
      );
    };
    const timer = setTimeout(ask, asked === 0 ? WAIT_MS : 0);
    return () => clearTimeout(timer);
  }, [id, asked]);
  if (problem !== '') return <p class="problem">{problem}</p>;
  if (story === undefined) return null;
  const findings = [...story.parts.flatMap((part) => part.findings), ...story.findings];
  return (
    <section class="panel" aria-label="Trace">
      <h2>What became of it</h2>
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
