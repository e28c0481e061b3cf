import { pathOf, read } from '../api.ts';
import { bytesOf, milliseconds, numberOf } from '../format.ts';
import type { ProcessName, Silent } from '../inspect/answers.ts';
import { Missing, Place } from '../inspect/parts.tsx';
import { Table } from '../shell/table.tsx';

type Figure = 'connections' | 'messages' | 'deliveries' | 'errors' | 'p99Ms' | 'loopDelayMs' | 'memoryBytes';

/** A process in its newest step; `null`: it did not measure. */
interface NodeRow extends ProcessName {
  readonly figures: Readonly<Record<Figure, number | null>>;
}

/** Answer of `/nodes`. */
export interface Nodes {
  readonly stepMs: number;
  readonly nodes: readonly NodeRow[];
  readonly silent: Silent;
}

/** Makes what reads the nodes. `app`: whose counts; empty: those of all apps together. */
export const nodesReader = (app: string) => async (): Promise<Nodes> =>
  (await read(pathOf('/nodes', { app }))) as Nodes;

/** Chooses whose traffic the charts show: that of this server, of all nodes, or of one process. */
export function NodeField({
  nodes,
  node,
  onChange,
}: {
  readonly nodes: readonly NodeRow[];
  readonly node: string;
  readonly onChange: (node: string) => void;
}) {
  const named = nodes.filter((each) => each.node !== undefined);
  if (named.length < 2 && node === '') return null;
  const isKnown = named.some((each) => each.node === node);
  return (
    <label>
      Node{' '}
      <select value={node} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        <option value="">this server</option>
        <option value="all">all nodes</option>
        {named.map((each) => (
          <option key={each.node} value={each.node}>
            {each.host} · pid {each.pid} · {each.node}
          </option>
        ))}
        {node !== '' && node !== 'all' && !isKnown && <option value={node}>{node} (gone)</option>}
      </select>
    </label>
  );
}

const HEAD = [
  'Node',
  'Connections',
  'Published/s',
  'Delivered/s',
  'Refused/s',
  'p99',
  'Event loop',
  'Memory',
];

/** Each process of the cluster as it was in the last ten seconds; nothing for a server that is alone. Says whose figures are missing, but for Redis, of which the state says it. */
export function NodeTable({ nodes: { nodes, silent, stepMs } }: { readonly nodes: Nodes }) {
  const missing = silent ?? [];
  if (nodes.length < 2 && missing.length === 0) return null;
  const seconds = stepMs / 1000;
  const row = ({ figures, ...process }: NodeRow) => {
    const shown = (figure: Figure, show: (value: number) => string): string => {
      const value = figures[figure];
      return value === null ? '–' : show(value);
    };
    const perSecond = (value: number): string => numberOf(value / seconds);
    return [
      <Place key="node" process={process} />,
      shown('connections', numberOf),
      shown('messages', perSecond),
      shown('deliveries', perSecond),
      shown('errors', perSecond),
      shown('p99Ms', milliseconds),
      shown('loopDelayMs', milliseconds),
      shown('memoryBytes', bytesOf),
    ];
  };
  return (
    <section aria-label="Nodes">
      <Missing silent={missing} />
      <Table label="Nodes" head={HEAD} rows={nodes.map(row)} none="No node answers." />
    </section>
  );
}
