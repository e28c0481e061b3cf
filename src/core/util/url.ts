/**
 * Parses an absolute URL; returns undefined for text that is none.
 * `URL.canParse` is not used: in Node 20 it refuses text with a Latin-1 letter once the call is optimised.
 */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
