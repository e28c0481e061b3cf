import type { ComponentChildren } from 'preact';
import { useContext } from 'preact/hooks';
import { ModeContext } from './mode.ts';

interface TableProps {
  readonly label: string;
  /** True: the label is shown above the table. */
  readonly hasCaption?: boolean;
  readonly head: readonly string[];
  readonly rows: readonly (readonly ComponentChildren[])[];
  /** Keys of the rows, needed where a cell has a state of its own. Default: their numbers. */
  readonly keys?: readonly (string | number | undefined)[];
  /** Stands in place of an empty table. */
  readonly none?: string;
}

/** A table that scrolls by itself where the page is narrow. Texts of others keep their direction to themselves. */
export function Table({ label, hasCaption = false, head, rows, keys = [], none = '' }: TableProps) {
  if (rows.length === 0) return <p class="hint">{none}</p>;
  return (
    <div class="table" role="region" aria-label={label} tabIndex={0}>
      <table>
        {hasCaption && <caption>{label}</caption>}
        <thead>
          <tr>
            {head.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((cells, row) => (
            <tr key={keys[row] ?? row}>
              {cells.map((cell, column) => (
                <td key={column}>{typeof cell === 'string' ? <bdi>{cell}</bdi> : cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Says that the console is read-only, before somebody tries. */
export function ReadOnly() {
  const mode = useContext(ModeContext);
  return mode === 'read' ? <p class="hint">The console is read-only: WAVEHALL_CONSOLE=read.</p> : null;
}
