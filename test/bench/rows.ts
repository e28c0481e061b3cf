/** Rows of the table, from the results of each server in each round. */
import type { Contestant } from './contestants.ts';
import { type Base, compare, median, type Row, type Rounds } from './figures.ts';
import type { MeasuredServer } from './rounds.ts';

/** Result of one turn; `value` is undefined if the server's process is unknown. */
export interface TurnResult {
  readonly value: number | undefined;
  readonly more?: Readonly<Record<string, number | undefined>>;
}

export type Results = ReadonlyMap<MeasuredServer, readonly (TurnResult | undefined)[]>;

export interface Label {
  readonly scenario: string;
  readonly figure: string;
  readonly unit: string;
  readonly atMost?: (own: Contestant) => number | undefined;
  /** Largest ratio of Wavehall's value to the other server's that meets the goal. */
  readonly goal?: (other: Contestant) => number | undefined;
  /** Intended number of sockets; a server with fewer gets a note. */
  readonly sockets?: number;
}

export function rowsOf(label: Label, results: Results): Row[] {
  return [...results].map(([loaded, rounds]): Row => {
    const { contestant, sockets } = loaded;
    const own = valuesOf(rounds);
    return {
      scenario: label.scenario,
      figure: label.figure,
      server: contestant.name,
      value: median(own),
      unit: label.unit,
      atMost: label.atMost?.(contestant),
      against: compare(own, bases(label, loaded, results)),
      more: mediansOf(rounds),
      note: label.sockets !== undefined && sockets < label.sockets ? `${sockets} sockets` : undefined,
    };
  });
}

const valuesOf = (rounds: readonly (TurnResult | undefined)[]): Rounds =>
  rounds.map((result) => result?.value);

function mediansOf(rounds: readonly (TurnResult | undefined)[]): Record<string, number | undefined> {
  const names = new Set(rounds.flatMap((result) => Object.keys(result?.more ?? {})));
  return Object.fromEntries(
    [...names].map((name) => [name, median(rounds.map((result) => result?.more?.[name]))]),
  );
}

/** Bases of a comparison: the floors for every server, all other servers for Wavehall. */
function bases(label: Label, { contestant }: MeasuredServer, results: Results): Base[] {
  const isOurs = contestant.role === 'wavehall';
  return [...results]
    .filter(([{ contestant: other }]) => other !== contestant && (other.role === 'floor' || isOurs))
    .map(([{ contestant: other }, rounds]) => ({
      to: other.name,
      rounds: valuesOf(rounds),
      atMost: isOurs ? label.goal?.(other) : undefined,
    }));
}

export const isReverb = ({ name, role }: Contestant): boolean => role === 'other' && /reverb/i.test(name);

/** CPU time of the server per unit; `undefined` if its process is unknown. */
export const perUnit = (
  { contestant }: MeasuredServer,
  { serverUs }: { readonly serverUs: number },
  units: number,
): number | undefined => (contestant.pid === 0 || units === 0 ? undefined : serverUs / units);
