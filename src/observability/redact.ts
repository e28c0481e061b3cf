/** Names whose values are nobody's business, in any spelling: `X-Api-Key`, `apiKey` and `API_KEY` are one. */
const SECRET_WORDS =
  'auth[ _-]?signature|authori[sz]ation|cookie|secret|token|passw(?:or)?d|passphrase|api[ _-]?key|access[ _-]?key|private[ _-]?key|credential|signature|jwt|bearer|session[ _-]?id|csrf|xsrf';
/** The same words are harmless within others: `author`, `passenger`. */
const SECRET_ALONE = 'auth|pass|pwd|otp|x-?auth';
const SECRET_NAME = new RegExp(`(?:${SECRET_WORDS})|^(?:${SECRET_ALONE})$`, 'i');
/** The same in a text that is no JSON, such as a message that was cut or the lines of a header: to the end of the value. */
const SECRET_IN_TEXT = new RegExp(
  String.raw`((?:[\w-]{0,40}(?:${SECRET_WORDS})[\w-]{0,40}|\b(?:${SECRET_ALONE}))\\*["']?\s*[:=]\s*)(\\*"[^"]*|\\*'[^']*|[^"'\n&,}]+)`,
  'gi',
);
/** What gives itself away: a scheme of HTTP authentication, a JSON Web Token, the user part of a URL. */
const SECRET_SHAPES: readonly (readonly [RegExp, string])[] = [
  [/\b(bearer|basic|digest|token)\s+[\w+/=.~-]{6,}/gi, '$1 [redacted]'],
  [/\beyJ[\w-]{4,}\.[\w-]{4,}(?:\.[\w-]*)?/g, '[redacted]'],
  [/(:\/\/)[^\s/?#@"']{1,300}@/g, '$1[redacted]@'],
];
/** Whatever it is called and wherever it stands: an HMAC-SHA256 in hex. */
const SIGNATURE = /[0-9a-f]{64}/gi;
const ENCRYPTED = 'private-encrypted-';
/** Larger messages are not looked into, so nothing of them is shown. */
const LARGEST = 64 * 1024;
const LONGEST = 200;
const HIDDEN = '[redacted]';

/** The text of a frame as a log may show it: nested JSON opened, secrets hidden, cut, and no control characters. */
export function presentable(frame: string): string {
  if (frame.length > LARGEST) return `(${frame.length} characters)`;
  const text = JSON.stringify(opened(parsed(frame), 0)).replace(SIGNATURE, HIDDEN);
  return plain(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
}

/** Names from outside, harmless in a terminal and in a line of text. */
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

/** `["Cookie", "a=b"]`: headers as lists of names and values. */
const itemOf = (item: unknown, before: unknown, depth: number): unknown =>
  isSecretName(before) ? HIDDEN : opened(item, depth + 1);

/** `{"name": "Cookie", "value": "a=b"}`. */
function nameOf(value: object): unknown {
  const { name, key, header } = value as Record<string, unknown>;
  return name ?? key ?? header;
}

function masked(text: string): string {
  if (text.includes(ENCRYPTED) && /[{"]/.test(text)) return HIDDEN;
  const shaped = SECRET_SHAPES.reduce((all, [shape, instead]) => all.replace(shape, instead), text);
  return shaped.replace(SECRET_IN_TEXT, `$1${HIDDEN}`);
}
