import type { NameCount } from './questions.ts';

/** Counts names, and keeps the first `most` of them in the order of their code units. The counts of these are exact. */
export class FirstNames {
  readonly #most: number;
  readonly #after: string;
  readonly #counts = new Map<string, number>();
  /** The last one that is kept, once there are as many as may be. */
  #last: string | undefined;

  /** `after`: names up to this one are left out. */
  constructor(most: number, after = '') {
    this.#most = most;
    this.#after = after;
  }

  /** True for a name that would be kept: callers need not look closer at others. */
  wants(name: string): boolean {
    return name > this.#after && (this.#last === undefined || name <= this.#last);
  }

  /** A name that has been dropped never returns: only earlier ones replace it. */
  add(name: string, count: number): void {
    if (!this.wants(name)) return;
    const known = this.#counts.get(name);
    if (known !== undefined) return void this.#counts.set(name, known + count);
    if (this.#last !== undefined) this.#counts.delete(this.#last);
    this.#counts.set(name, count);
    if (this.#counts.size >= this.#most) this.#last = lastOf(this.#counts.keys());
  }

  rows(): readonly NameCount[] {
    return [...this.#counts].map(([name, count]) => ({ name, count })).sort(byName);
  }
}

export const byName = ({ name }: NameCount, { name: other }: NameCount): number =>
  name < other ? -1 : Number(name > other);

function lastOf(names: Iterable<string>): string {
  let last = '';
  for (const name of names) if (name > last) last = name;
  return last;
}

/** True for names with this text in them, in upper or lower case; a text before `*` is the beginning of a name. */
export function searchFor(text: string): (name: string) => boolean {
  const wanted = text.toLowerCase();
  if (!wanted.endsWith('*')) return (name) => wanted === '' || name.toLowerCase().includes(wanted);
  const beginning = wanted.slice(0, -1);
  return (name) => name.toLowerCase().startsWith(beginning);
}
