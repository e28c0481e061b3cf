import type { Credential } from '#protocol';
import type { App } from '../../../core/app.ts';

/** The columns of a table that keep a replaced pair over restarts. */
export interface FormerPair {
  readonly credential: Credential | undefined;
  /** Unix time; `undefined`: the table has no such column, or no value in it. */
  readonly untilSeconds: number | undefined;
}

interface Former {
  readonly credential: Credential;
  readonly untilMs: number;
}

interface Pair {
  current: Credential;
  untilSeconds: number | undefined;
  former: readonly Former[];
}

/**
 * Keeps the pairs of key and secret that were replaced, until their time is over (SPEC 7.6). A pair that this process saw is kept
 * for the time of the setting, unless the columns of the row say for how long: these also hold for processes that did not see it.
 */
export class SecretOverlap {
  readonly #overlapMs: number;
  readonly #pairs = new Map<string, Pair>();

  constructor(overlapSeconds: number) {
    this.#overlapMs = overlapSeconds * 1000;
  }

  /** Returns the pairs of an app that are valid now, the current one first. */
  of(id: string, current: Credential, columns: FormerPair, nowMs: number): App['credentials'] {
    const known = this.#pairs.get(id) ?? { current, untilSeconds: columns.untilSeconds, former: [] };
    this.#pairs.set(id, known);
    if (!isSame(known.current, current)) this.#replace(known, current, columns, nowMs);
    known.untilSeconds = columns.untilSeconds;
    known.former = known.former.filter(
      ({ credential, untilMs }) => untilMs > nowMs && !isSame(credential, current),
    );
    const all = [...known.former.map(({ credential }) => credential)];
    if (columns.credential !== undefined && (columns.untilSeconds ?? 0) * 1000 > nowMs)
      all.push(columns.credential);
    const others = all.filter(
      (each, at) => !isSame(each, current) && all.findIndex((other) => isSame(each, other)) === at,
    );
    return [current, ...others];
  }

  /** Forgets apps that are gone: another one may get their id. */
  keepOnly(ids: { has(id: string): boolean }): void {
    for (const id of this.#pairs.keys()) if (!ids.has(id)) this.#pairs.delete(id);
  }

  #replace(known: Pair, current: Credential, columns: FormerPair, nowMs: number): void {
    const { untilSeconds } = columns;
    const isSaid =
      untilSeconds !== undefined &&
      (untilSeconds !== known.untilSeconds ||
        (columns.credential !== undefined && isSame(columns.credential, known.current)));
    const untilMs = isSaid ? untilSeconds * 1000 : nowMs + this.#overlapMs;
    known.former = [{ credential: known.current, untilMs }, ...known.former];
    known.current = current;
  }
}

const isSame = (one: Credential, other: Credential): boolean =>
  one.key === other.key && one.secret === other.secret;
