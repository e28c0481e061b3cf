import { timeOf } from '../format.ts';

/** Lines that the page keeps; older ones are dropped. */
export const MAX_LINES = 2000;

export const KINDS = [
  'connected',
  'disconnected',
  'occupied',
  'vacated',
  'subscribed',
  'unsubscribed',
  'published',
  'client event',
  'member added',
  'member removed',
  'cache miss',
  'webhook sent',
  'webhook failed',
  'refused',
] as const;

/** Kind of a line for people: an event that a client sent is one of its own. */
export const kindOf = ({ type, details }: Pick<Line, 'type' | 'details'>): string =>
  type === 'published' && details['source'] === 'client' ? 'client event' : type.replaceAll('_', ' ');

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
export function hasText(line: Line, text: string): boolean {
  const { atMs, details } = line;
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return true;
  const all = [timeOf(atMs), kindOf(line), ...Object.values(details)];
  return all.some((each) => String(each).toLowerCase().includes(wanted));
}
