import { read } from '../api.ts';
import { bytesOf, durationOf, numberOf } from '../format.ts';
import { concernsOf, cutoverText } from './concerns.ts';

export type Section = Readonly<Record<string, unknown>>;

/** Answer of `/status`: named sections, and those of each worker. */
export interface ServerStatus {
  readonly node: Section;
  readonly workers: readonly Readonly<Record<string, Section | undefined>>[];
  readonly workersWanted: number;
  readonly [section: string]: unknown;
}

export const readStatus = async (): Promise<ServerStatus> => (await read('/status')) as ServerStatus;

const SHOWN_APART = new Set(['node', 'workers', 'workersWanted']);

/** State of the server: its figures, its warnings, and what its parts say of themselves. */
export function Status({ status }: { readonly status: ServerStatus }) {
  const { node, workers, workersWanted } = status;
  const all = workers.map((worker) => worker['node'] ?? {});
  const sum = (name: string): number => all.reduce((total, each) => total + Number(each[name] ?? 0), 0);
  const isReady = all.length === workersWanted && all.every(({ ready }) => ready === true);
  const cutover = cutoverText(status);
  return (
    <section aria-label="State">
      <ul class="tiles">
        <Tile name="State" value={isReady ? 'ready' : 'not ready'} kind={isReady ? 'good' : 'bad'} />
        <Tile name="Connections" value={numberOf(sum('connections'))} />
        <Tile name="Apps" value={String(node['apps'])} />
        <Tile
          name="Workers"
          value={`${workers.length} of ${workersWanted}`}
          kind={workers.length < workersWanted ? 'bad' : undefined}
        />
        <Tile name="Memory" value={bytesOf(sum('memoryBytes'))} />
        <Tile
          name="Running for"
          value={
            all.length === 0
              ? '–'
              : durationOf(Math.min(...all.map(({ uptimeSeconds }) => Number(uptimeSeconds))))
          }
        />
        <Tile name="Version" value={`${String(node['version'])} on ${String(node['host'])}`} />
        {cutover !== undefined && <Tile name="Cutover" value={cutover} />}
      </ul>
      {concernsOf(status, Date.now()).map(({ text, view }) => (
        <p key={text} class="problem">
          <bdi>{text}</bdi> {view !== undefined && <a href={`#/${view}`}>Look</a>}
        </p>
      ))}
      <div class="parts">
        {Object.entries(status).map(([name, part]) =>
          SHOWN_APART.has(name) ? null : <Part key={name} name={name} part={part} />,
        )}
      </div>
    </section>
  );
}

interface TileProps {
  readonly name: string;
  readonly value: string;
  readonly kind?: 'good' | 'bad' | undefined;
}

const Tile = ({ name, value, kind }: TileProps) => (
  <li>
    <span>{name}</span> <b class={kind}>{value}</b>
  </li>
);

/** One part, such as Redis: its own names and values as text. */
function Part({ name, part }: { readonly name: string; readonly part: unknown }) {
  if (typeof part !== 'object' || part === null) return null;
  return (
    <details>
      <summary>{name}</summary>
      <dl>
        {Object.entries(part).map(([field, value]) => [
          <dt key={`${field}-name`}>{field}</dt>,
          <dd key={field}>
            <bdi>{typeof value === 'object' ? JSON.stringify(value) : String(value)}</bdi>
          </dd>,
        ])}
      </dl>
    </details>
  );
}
