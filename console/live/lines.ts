import { timeOf } from '../format.ts';

/** Lines that the page keeps; older ones are dropped. */
export const MAX_LINES = 2000;

export const KINDS = [
  'connected',
  'disconnected',
  'subscribed',
  'unsubscribed',
  'published',
  'refused',
] as const;

/** A line of the live feed, with a number of its own. */
export interface Line {
  readonly id: number;
  readonly atMs: number;
  readonly type: string;
  readonly details: Readonly<Record<string, string | number>>;
}

let last = 0;

/** Reads a message of the live socket: lines of JSON. What is not a line is left out. */
export function linesIn(message: string): Line[] {
  return message.split('\n').flatMap((text) => {
    const line = parsed(text);
    return line === undefined ? [] : [line];
  });
}

function parsed(text: string): Line | undefined {
  if (text === '') return undefined;
  try {
    const { atMs, type, ...details } = JSON.parse(text) as Record<string, string | number>;
    return typeof atMs === 'number' && typeof type === 'string'
      ? { id: (last += 1), atMs, type, details }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Puts new lines before the others, and drops the oldest. */
export const withLines = (lines: readonly Line[], added: readonly Line[]): readonly Line[] =>
  [...added.toReversed(), ...lines].slice(0, MAX_LINES);

/** True for a line that has the text anywhere: in its time, its kind, its names or its shown payload. */
export function hasText({ atMs, type, details }: Line, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return true;
  const all = [timeOf(atMs), type, ...Object.values(details)];
  return all.some((each) => String(each).toLowerCase().includes(wanted));
}
