/** Keys whose values are nobody's business: signatures, credentials, and what was signed in with. */
const SECRET_KEYS = new Set([
  'auth',
  'auth_signature',
  'secret',
  'shared_secret',
  'token',
  'password',
  'passphrase',
]);
/** The same in a text that is no JSON, such as a message that was cut. */
const SECRET_IN_TEXT = new RegExp(
  String.raw`((?:${[...SECRET_KEYS].join('|')})\\*["']?\s*[:=]\s*\\*["']?)[^\s"'\\,}&]+`,
  'gi',
);
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
  if (Array.isArray(value)) return value.slice(0, 50).map((item) => opened(item, depth + 1));
  const isEncrypted = String((value as { channel?: unknown }).channel).startsWith(ENCRYPTED);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      SECRET_KEYS.has(key) || (isEncrypted && key === 'data') ? HIDDEN : opened(item, depth + 1),
    ]),
  );
}

const masked = (text: string): string =>
  text.includes(ENCRYPTED) && /[{"]/.test(text) ? HIDDEN : text.replace(SECRET_IN_TEXT, `$1${HIDDEN}`);
