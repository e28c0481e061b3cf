/** Names whose values are secret, in any spelling: `X-Api-Key`, `apiKey` and `API_KEY` are the same. */
const SECRET_WORDS =
  'auth[ _-]?signature|authori[sz]ation|cookie|secret|token|passw(?:or)?d|passphrase|api[ _-]?key|access[ _-]?key|private[ _-]?key|credential|signature|jwt|bearer|session[ _-]?id|csrf|xsrf';
/** Names that are secret only as a whole: `author` and `passenger` are not. */
const SECRET_ALONE = 'auth|pass|pwd|otp|x-?auth';
const SECRET_NAME = new RegExp(`(?:${SECRET_WORDS})|^(?:${SECRET_ALONE})$`, 'i');
/** Secret names with their value in text that is not JSON, such as a truncated message or header lines. */
const SECRET_IN_TEXT = new RegExp(
  String.raw`((?:[\w-]{0,40}(?:${SECRET_WORDS})[\w-]{0,40}|\b(?:${SECRET_ALONE}))\\*["']?\s*[:=]\s*)(\\*"[^"]*|\\*'[^']*|[^"'\n&,}]+)`,
  'gi',
);
/** Secrets that are recognised by their form: an HTTP authentication scheme, a JSON Web Token, the user part of a URL. */
const SECRET_SHAPES: readonly (readonly [RegExp, string])[] = [
  [/\b(bearer|basic|digest|token)\s+[\w+/=.~-]{6,}/gi, '$1 [redacted]'],
  [/\beyJ[\w-]{4,}\.[\w-]{4,}(?:\.[\w-]*)?/g, '[redacted]'],
  [/(:\/\/)[^\s/?#@"']{1,300}@/g, '$1[redacted]@'],
];
/** An HMAC-SHA256 in hex, under any name. */
const SIGNATURE = /[0-9a-f]{64}/gi;
const ENCRYPTED = 'private-encrypted-';
/** Larger messages are not parsed, so only their size is shown. */
const MAX_PARSED_CHARACTERS = 64 * 1024;
const MAX_SHOWN_CHARACTERS = 200;
const HIDDEN = '[redacted]';

/** Text of a frame for the log: nested JSON parsed, secrets hidden, truncated, control characters escaped. */
export function presentable(frame: string): string {
  if (frame.length > MAX_PARSED_CHARACTERS) return `(${frame.length} characters)`;
  const text = JSON.stringify(opened(parsed(frame), 0)).replace(SIGNATURE, HIDDEN);
  return plain(text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text);
}

/** Escapes control characters and truncates, so that text from clients is harmless in a terminal and in a log line. */
export const plain = (text: string): string =>
  text
    .slice(0, 256)
    .replace(
      /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
      (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
    );

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function opened(value: unknown, depth: number): unknown {
  if (depth > 5) return '…';
  if (typeof value === 'string') {
    const inner = /^\s*[[{]/.test(value) ? parsed(value) : value;
    return typeof inner === 'string' ? masked(inner) : opened(inner, depth);
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.slice(0, 50).map((item, at) => itemOf(item, value[at - 1], depth));
  const isNamed = isSecretName(nameOf(value));
  const isEncrypted = String((value as { channel?: unknown }).channel).startsWith(ENCRYPTED);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      isSecretName(key) || (isEncrypted && key === 'data') || (isNamed && /^(value|data)$/i.test(key))
        ? HIDDEN
        : opened(item, depth + 1),
    ]),
  );
}

const isSecretName = (name: unknown): boolean =>
  typeof name === 'string' && name.length <= 64 && SECRET_NAME.test(name);

/** Item of a list of names and values, such as `["Cookie", "a=b"]`. */
const itemOf = (item: unknown, before: unknown, depth: number): unknown =>
  isSecretName(before) ? HIDDEN : opened(item, depth + 1);

/** Name in a pair such as `{"name": "Cookie", "value": "a=b"}`. */
function nameOf(value: object): unknown {
  const { name, key, header } = value as Record<string, unknown>;
  return name ?? key ?? header;
}

function masked(text: string): string {
  if (text.includes(ENCRYPTED) && /[{"]/.test(text)) return HIDDEN;
  const shaped = SECRET_SHAPES.reduce((all, [shape, instead]) => all.replace(shape, instead), text);
  return shaped.replace(SECRET_IN_TEXT, `$1${HIDDEN}`);
}
