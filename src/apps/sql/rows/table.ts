import type { App } from '../../../core/app.ts';
import type { Variables } from '../../../settings/settings.ts';
import type { Ceilings } from '../../ceilings.ts';
import type { Row } from '../drivers/driver.ts';
import { SecretOverlap } from './overlap.ts';
import type { RowProblem } from './row-problem.ts';
import { idOf, isEnabled, type ReadRow, readRow } from './row.ts';

/** Rows that are compared without a pause: clients are served between two of these. */
const ROWS_AT_ONCE = 1000;
/** To build an app takes as long as to compare so many rows. */
const BUILT_COUNTS_AS = 10;

interface TableOptions {
  readonly table: string;
  readonly variables: Variables;
  readonly ceilings: Ceilings;
  readonly overlapSeconds: number;
}

/** One app as it was read last. */
interface KnownRow {
  /** The row as text. */
  readonly text: string;
  /** As it was valid last; `undefined`: never. */
  readonly valid: ReadRow | undefined;
  readonly problems: readonly string[];
  /** The app that is served, as long as `credentials` does not change. */
  served?: App;
}

export interface ReadTable {
  readonly apps: readonly App[];
  readonly problems: readonly RowProblem[];
  readonly notes: readonly string[];
}

/** Makes the apps of a table. A row that has not changed keeps its app; one that is not valid any more keeps the last that was. */
export class AppTable {
  readonly #options: TableOptions;
  readonly #overlap: SecretOverlap;
  #known: ReadonlyMap<string, KnownRow> = new Map();

  constructor(options: TableOptions) {
    this.#options = options;
    this.#overlap = new SecretOverlap(options.overlapSeconds);
  }

  /** Takes all rows of the table. */
  async read(rows: readonly Row[], nowMs: number): Promise<ReadTable> {
    const problems: RowProblem[] = [];
    const known = new Map<string, KnownRow>();
    let compared = 0;
    for (const [id, row] of uniqueIds(rows, problems)) {
      const text = JSON.stringify(row);
      const before = this.#known.get(id);
      const isSame = before?.text === text;
      known.set(id, isSame ? before : this.#build(row, text, before));
      compared += isSame ? 1 : BUILT_COUNTS_AS;
      if (compared < ROWS_AT_ONCE) continue;
      compared = 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#known = known;
    return this.#served(nowMs, problems);
  }

  /** Returns the apps of the last read as they are now: pairs of which the time is over are not valid any more. */
  again(nowMs: number): readonly App[] {
    return this.#served(nowMs, []).apps;
  }

  #build(row: Row, text: string, before: KnownRow | undefined): KnownRow {
    const problems: string[] = [];
    const read = readRow(row, this.#options, problems);
    if (problems.length === 0) return { text, valid: read, problems };
    const last = before?.valid;
    const valid =
      last === undefined || isEnabled(row) ? last : { ...last, app: { ...last.app, enabled: false } };
    return { text, valid, problems };
  }

  #served(nowMs: number, problems: RowProblem[]): ReadTable {
    const taken = new Taken();
    const notes = new Set<string>();
    const apps: App[] = [];
    for (const [id, row] of this.#known) {
      const conflict = row.valid && taken.conflictOf(row.valid.app);
      for (const problem of [...row.problems, ...(conflict === undefined ? [] : [conflict])])
        problems.push({ id, problem, isServed: row.valid !== undefined && conflict === undefined });
      if (row.valid === undefined || conflict !== undefined) continue;
      taken.add(row.valid.app);
      for (const note of row.valid.notes) notes.add(note);
      apps.push(this.#withPairs(id, row, row.valid, nowMs));
    }
    this.#overlap.keepOnly(this.#known);
    return { apps, problems, notes: [...notes] };
  }

  #withPairs(id: string, row: KnownRow, { app, former }: ReadRow, nowMs: number): App {
    const credentials = this.#overlap.of(id, app.credentials[0], former, nowMs);
    if (row.served === undefined || !areSame(row.served.credentials, credentials))
      row.served = Object.freeze({ ...app, credentials });
    return row.served;
  }
}

/** Keys, and names of endpoints, that an app has: the first app by its id has them alone. */
class Taken {
  readonly #keys = new Map<string, string>();
  readonly #endpoints = new Map<string, string>();

  conflictOf({ credentials: [{ key }], webhooks }: App): string | undefined {
    const other = this.#keys.get(key);
    if (other !== undefined)
      return `key ${JSON.stringify(key)}: expected to be used by one app only, and app ${JSON.stringify(other)} has it`;
    const endpoint = webhooks.find(({ name }) => this.#endpoints.has(name));
    return (
      endpoint &&
      `webhooks name ${JSON.stringify(endpoint.name)}: expected to be used by one endpoint only, and app ${JSON.stringify(this.#endpoints.get(endpoint.name))} has it`
    );
  }

  add({ id, credentials: [{ key }], webhooks }: App): void {
    this.#keys.set(key, id);
    for (const { name } of webhooks) this.#endpoints.set(name, id);
  }
}

/** Lists the rows by id, in an order that no collation of a database changes. */
function uniqueIds(rows: readonly Row[], problems: RowProblem[]): ReadonlyMap<string, Row> {
  const named = rows.map((row) => ({ id: idOf(row), row }));
  const sorted = named.sort(({ id: one = '' }, { id: other = '' }) =>
    one < other ? -1 : one > other ? 1 : 0,
  );
  const byId = new Map<string, Row>();
  for (const { id, row } of sorted) {
    if (id === undefined) problems.push({ id: '', problem: 'id: expected a text', isServed: false });
    else if (byId.has(id))
      problems.push({
        id,
        problem: 'id: expected to be used by one row only; the first is used',
        isServed: true,
      });
    else byId.set(id, row);
  }
  return byId;
}

const areSame = (some: App['credentials'], others: App['credentials']): boolean =>
  some.length === others.length &&
  some.every(({ key, secret }, at) => key === others[at]?.key && secret === others[at].secret);
