import { parseUrl } from '../util/url.ts';

/**
 * SPEC 2.6: true when a page of this `Origin` may connect.
 * An entry is a glob over the host (as Reverb compares) or, when it has a scheme, over the whole origin.
 */
export function originAllowed(allowed: readonly string[], origin: string | undefined): boolean {
  if (allowed.includes('*')) return true;
  const page = parseOrigin(origin);
  if (page === undefined) return false;
  return allowed.some((entry) => {
    const pattern = entry.toLowerCase();
    return matchesGlob(pattern, pattern.includes('://') ? page.origin : page.hostname);
  });
}

/** `URL.origin` is `null` for schemes that are not the web's own, such as `capacitor://localhost`. */
function parseOrigin(origin: string | undefined): { origin: string; hostname: string } | undefined {
  const url = origin === undefined ? undefined : parseUrl(origin.toLowerCase());
  if (url === undefined || url.hostname === '') return undefined;
  return { origin: `${url.protocol}//${url.host}`, hostname: url.hostname };
}

/** `*` stands for any run of characters. Linear: each literal part is looked for once, from left to right. */
function matchesGlob(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= end;
}
