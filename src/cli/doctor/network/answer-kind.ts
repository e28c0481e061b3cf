import type { HttpAnswer } from '../../../net/http-client.ts';

export type Answer = Pick<HttpAnswer, 'status' | 'headers' | 'text'>;

/** True for a page of a proxy, of a login or of a challenge, where an API would answer with JSON or a short text. */
export const isPage = ({ headers, text }: Answer): boolean =>
  /text\/html/i.test(headers['content-type'] ?? '') || /^\s*<(?:!doctype|html)/i.test(text);

export const isChallenge = ({ headers, text }: Answer): boolean =>
  headers['cf-mitigated'] !== undefined || /cf-challenge|Just a moment\.\.\./i.test(text);

/** A status and the beginning of the text, on one line. */
export function shown({ status, text, headers }: Answer): string {
  const plain = text
    .replace(/<(?:style|script)[^]*?<\/(?:style|script)>|<[^>]*>/gi, ' ')
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, 120);
  const server = typeof headers.server !== 'string' ? '' : ` from ${headers.server.slice(0, 40)}`;
  return `${status}${server}${plain === '' ? '' : `: ${plain}`}`;
}
