import type { Place } from '../look-up.ts';

/** `12:03:01.123 UTC`. */
export const timeOf = (atMs: number): string => `${new Date(atMs).toISOString().slice(11, 23)} UTC`;

/** `4 ms`, `0.4 s`, `40 s`, `14 minutes`, `3 hours`, `2 days`. */
export function duration(ms: number): string {
  if (ms < 100) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = ms / 1000;
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} minutes`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} hours` : `${Math.round(seconds / 86_400)} days`;
}

/** `3 sockets`, `1 socket`. */
export const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;
/** `3 sockets were`, `1 socket was`. */
export const countedWere = (count: number, one: string): string =>
  `${counted(count, one)} ${count === 1 ? 'was' : 'were'}`;

/** Name of others, in quotes only if it has a space or could be taken for something else. */
export const named = (name: string): string =>
  /^[\w\-.@=,;:#/\\*]+$/.test(name) ? name : JSON.stringify(name);

export const sumOf = <T>(items: readonly T[], valueOf: (item: T) => number): number =>
  items.reduce((sum, item) => sum + valueOf(item), 0);

/** The earliest time, or the latest; `undefined`: there is none. */
export const earliest = (times: readonly (number | undefined)[]): number | undefined =>
  times.reduce((best, time) => (best === undefined || (time ?? Infinity) < best ? time : best), undefined);
export const latest = (times: readonly (number | undefined)[]): number | undefined =>
  times.reduce((best, time) => (best === undefined || (time ?? -Infinity) > best ? time : best), undefined);

/** `2 on web-1/77, 1 on web-2/12`, of the places with any. */
export const byPlace = (places: readonly Place[], countOf: (place: Place) => number): string =>
  places
    .filter((place) => countOf(place) > 0)
    .map((place) => `${countOf(place)} on ${place.label}`)
    .join(', ');
