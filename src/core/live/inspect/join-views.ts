import { FirstNames } from './first-names.ts';
import { type ConnectionRow, MAX_ROWS, type ProcessName, type ViewAnswer } from './questions.ts';

/** A process, and how many it has of what was asked for. */
export type ProcessCount = Omit<ProcessName, 'process'> & { readonly count: number };

/** A name of a search, with the processes that have it. */
export interface FoundName {
  readonly name: string;
  readonly count: number;
  readonly processes: readonly ProcessCount[];
}

export interface FoundNames {
  /** In the order of their code units. */
  readonly found: readonly FoundName[];
  /** There are further names: ask for those after the last one. */
  readonly more: boolean;
  /** A process has more than it searches. */
  readonly isCut: boolean;
}

/**
 * Joins the first names of each process to the first names of all: what is among the first of all is among the first of each
 * process that has it.
 */
export function joinNames(answers: readonly ViewAnswer[]): FoundNames {
  const names = new FirstNames(MAX_ROWS + 1);
  const processes = new Map<string, ProcessCount[]>();
  for (const answer of answers)
    for (const { name, count } of answer.rows ?? []) {
      names.add(name, count);
      const known = processes.get(name);
      if (known === undefined) processes.set(name, [placeOf(answer, count)]);
      else known.push(placeOf(answer, count));
    }
  const rows = names.rows().map((each) => ({ ...each, processes: processes.get(each.name) ?? [] }));
  return {
    found: rows.slice(0, MAX_ROWS),
    more: rows.length > MAX_ROWS,
    isCut: answers.some(({ isCut }) => isCut === true),
  };
}

/** Connections of a channel or of a user, and how many each process has. */
export function joinConnections(answers: readonly ViewAnswer[]): {
  readonly processes: readonly ProcessCount[];
  readonly connections: readonly (ConnectionRow & Pick<ProcessName, 'node' | 'host' | 'pid'>)[];
} {
  const having = answers.filter(({ count = 0 }) => count > 0);
  return {
    processes: having.map((answer) => placeOf(answer, answer.count ?? 0)),
    connections: having.flatMap(({ connections = [], node, host, pid }) =>
      connections.map((each) => ({ ...each, node, host, pid })),
    ),
  };
}

const placeOf = ({ node, host, pid }: ProcessName, count: number): ProcessCount => ({
  node,
  host,
  pid,
  count,
});
