import type { QuestionPart } from './recent.ts';

/** Parts that are kept of a question; further ones count together. */
export const MAX_PARTS = 60;
const MAX_NAME_CHARS = 100;

type Named = readonly [name: string, value: string];

interface KeyFields {
  readonly method: string;
  readonly path: string;
  readonly type: string;
  readonly further: string;
  /** Names and values of cookies as JSON. */
  readonly cookies: string;
  readonly headers: readonly Named[];
  readonly referer: string;
}

/** The parts of a question beside its channel and its credentials, by names that an operator knows. */
export function partsOf({
  method,
  path,
  type,
  further,
  cookies,
  headers,
  referer,
}: KeyFields): QuestionPart[] {
  const all: Named[] = [
    ['method', method],
    ['path', path],
    ['content type', type],
    ['further fields', further],
    ['origin of the referer', referer],
    ...(JSON.parse(cookies) as Named[]).map(([name, value]) => [`cookie ${name}`, value] as const),
    ...headers.map(([name, value]) => [`header ${name}`, value] as const),
  ];
  const [kept, rest] = [all.slice(0, MAX_PARTS), all.slice(MAX_PARTS)];
  return [...kept, ...(rest.length > 0 ? [['others', JSON.stringify(rest)] as const] : [])].map(
    ([name, value]) => [name.slice(0, MAX_NAME_CHARS), digestOf(value)],
  );
}

/** FNV-1a, to tell whether two values differ. It stays within the server. */
function digestOf(text: string): number {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  return sum >>> 0;
}
