import type { IncomingMessage } from 'node:http';
import { pathOf } from '../../core/util/http-text.ts';

/** First segments that stay at this server, with everything below them. */
const LOCAL_SEGMENTS: readonly (string | undefined)[] = ['admin', 'app', 'apps', 'health', 't'];
/** Paths that stay at this server. */
const LOCAL_PATHS: readonly (string | undefined)[] = ['up', 'ready', 'live'];
const MOST_DECODINGS = 4;
/** Origin form, in characters that all servers read alike. */
const PLAIN = /^\/(?!\/)[^\s\\#]*$/;
const ODD_WHEN_DECODED = /[\\?#%\p{Cc}]|\/\/|(^|\/)\.{1,2}($|[/;])/u;
const HOST = /^[\w.~!$&'()*+,;=%:[\]-]*$/;

/**
 * SPEC 11.2: true when a request for this target may go to the upstream. Our own paths stay however they are spelled, and
 * targets that servers read in different ways are refused.
 */
export function mayGoUpstream(target: string, prefix: string): boolean {
  const path = PLAIN.test(target) ? fullyDecodedPath(pathOf(target)) : undefined;
  if (path === undefined || ODD_WHEN_DECODED.test(path)) return false;
  const [first, ...rest] = withoutFallback(segmentsOf(path, prefix));
  if (LOCAL_SEGMENTS.includes(first)) return false;
  return !(LOCAL_PATHS.includes(first) && rest.length === 0);
}

/** Segments behind those that clients of the HTTP fallback have in front of `app` (SPEC 10.3). */
function withoutFallback(segments: readonly string[]): readonly string[] {
  const behindPusher = segments[0] === 'pusher' ? segments.slice(1) : segments;
  const behindTab = behindPusher[0] === 't' ? behindPusher.slice(2) : behindPusher;
  return behindTab[0] === 'app' ? behindTab : segments;
}

/** RFC 9112, 3.2: true when the request names one host, or none (HTTP/1.0). */
export function hasOneHost({ rawHeaders, headers }: IncomingMessage): boolean {
  const lines = rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'host');
  return lines.length <= 1 && HOST.test(headers.host ?? '');
}

/** Decodes as often as possible: the next server may decode again. */
function fullyDecodedPath(path: string): string | undefined {
  let before = path;
  try {
    for (let round = 0; round < MOST_DECODINGS; round += 1) {
      const after = decodeURIComponent(before);
      if (after === before) return after;
      before = after;
    }
  } catch {
    // Servers differ in how they read a broken sequence.
  }
  return undefined;
}

/** Segments in lower case, without parameters (`;a=b`), behind our prefix. */
function segmentsOf(path: string, prefix: string): string[] {
  const parse = (text: string): string[] =>
    text
      .normalize('NFKC')
      .toLowerCase()
      .split('/')
      .map((segment) => segment.split(';', 1)[0]?.trim() ?? '')
      .filter((segment) => segment !== '');
  const [segments, own] = [parse(path), parse(prefix)];
  while (own.length > 0 && own.every((segment, at) => segments[at] === segment))
    segments.splice(0, own.length);
  return segments;
}
