import { kindOf } from '#protocol';

/** Values of the names in a pattern, for one channel. */
export type Captures = ReadonlyMap<string, string>;

/** One part of a pattern, between dots: a text, or a name with a text before and behind it. */
interface Part {
  readonly before: string;
  /** `undefined`: the part is the text `before`. */
  readonly name: string | undefined;
  readonly behind: string;
}

/** A pattern of channel names (SPEC 15.4). */
export interface Pattern {
  readonly text: string;
  readonly names: ReadonlySet<string>;
  /** The values of its names; `undefined`: it does not cover the channel. Looks at each character a bounded number of times. */
  match(channel: string): Captures | undefined;
}

/** A pattern that cannot be used; the message says what was expected. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
/** Characters of channel names, other than the dot: what an operator may allow beside these is not limited here (SPEC 3.2). */
const NOT_IN_NAMES = /[\p{Cc}"{}*]/u;

/** Reads a pattern. Throws `PatternError`. */
export function parsePattern(text: string): Pattern {
  if (!kindOf(text).signed)
    throw new PatternError('expected the prefix of a signed channel, such as private- or presence-');
  const isOpen = text.endsWith('*');
  const parts = (isOpen ? text.slice(0, -1) : text).split('.').map(parsePart);
  const named = parts.flatMap(({ name }) => name ?? []);
  const names = new Set(named);
  if (names.size < named.length) throw new PatternError('expected each name once');
  if (isOpen && parts.at(-1)?.name !== undefined)
    throw new PatternError('expected a dot, or the end, behind the part with a name, not *');
  const kind = kindOf(text);
  return {
    text,
    names,
    match: (channel) => (kindOf(channel) === kind ? matchParts(parts, isOpen, channel) : undefined),
  };
}

function parsePart(part: string): Part {
  const open = part.indexOf('{');
  if (open === -1) {
    checkText(part);
    return { before: part, name: undefined, behind: '' };
  }
  const close = part.indexOf('}', open);
  const name = part.slice(open + 1, close);
  if (close === -1 || !NAME.test(name))
    throw new PatternError('expected names such as {order}, of letters, digits and _');
  const [before, behind] = [part.slice(0, open), part.slice(close + 1)];
  if (behind.includes('{')) throw new PatternError('expected a dot between two names');
  checkText(before);
  checkText(behind);
  return { before, name, behind };
}

function checkText(text: string): void {
  if (text.includes('*')) throw new PatternError('expected * at the end alone');
  if (NOT_IN_NAMES.test(text)) throw new PatternError('expected characters of channel names');
}

/** Compares part by part; the last part of an open pattern is the beginning of all that is left. */
function matchParts(parts: readonly Part[], isOpen: boolean, channel: string): Captures | undefined {
  const captures = new Map<string, string>();
  let start = 0;
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    if (isLast && isOpen) {
      const isCovered = channel.startsWith(part.before, start) && channel.length > start + part.before.length;
      return isCovered ? captures : undefined;
    }
    const dot = channel.indexOf('.', start);
    if (isLast !== (dot === -1)) return undefined;
    const end = isLast ? channel.length : dot;
    if (!matchPart(part, channel.slice(start, end), captures)) return undefined;
    start = end + 1;
  }
  return captures;
}

function matchPart({ before, name, behind }: Part, text: string, captures: Map<string, string>): boolean {
  if (name === undefined) return text === before;
  const end = text.length - behind.length;
  if (end <= before.length || !text.startsWith(before) || !text.endsWith(behind)) return false;
  captures.set(name, text.slice(before.length, end));
  return true;
}
