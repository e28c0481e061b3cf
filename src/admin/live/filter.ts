import type { LiveFilter } from '../../core/live/line.ts';
import { splitTarget } from '../../core/util/http-text.ts';
import { BadRequest } from '../requests.ts';

const MAX_FILTER_CHARS = 300;
const NAMES = ['app', 'channel', 'event', 'payload'];

/** Reads `?app=&channel=&event=&payload=1`. */
export function filterIn(url: string): LiveFilter {
  const given = new URLSearchParams(splitTarget(url)[1]);
  const unknown = [...given.keys()].find((name) => !NAMES.includes(name));
  if (unknown !== undefined)
    throw new BadRequest(`${JSON.stringify(unknown.slice(0, 100))}: expected ${NAMES.join(' or ')}`);
  const [app, channel, event] = ['app', 'channel', 'event'].map((name) => textIn(given, name));
  const payload = given.get('payload') ?? '0';
  if (payload !== '0' && payload !== '1') throw new BadRequest('payload: expected 0 or 1');
  return { app, channel, event, payload: payload === '1' };
}

function textIn(given: URLSearchParams, name: string): string | undefined {
  const text = given.get(name) ?? undefined;
  if (text !== undefined && text.length > MAX_FILTER_CHARS)
    throw new BadRequest(`${name}: expected at most ${MAX_FILTER_CHARS} characters`);
  return text;
}
