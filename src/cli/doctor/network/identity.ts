import type { IncomingHttpHeaders } from 'node:http';
import { isJsonObject, parseJson } from '#protocol';
import { prefixOf } from '../../../net/address.ts';
import { type HttpAnswer, sendRequest } from '../../../net/http-client.ts';
import { faultOf, isListening } from './faults.ts';
import { type Site, trustOf } from './site.ts';

/** The program at an address. `none`: nothing listens; `silent`: it does not answer; `other`: a program that is not known. */
export type Program = 'wavehall' | 'reverb' | 'soketi' | 'other' | 'silent' | 'none';

export interface Identity {
  readonly program: Program;
  /** Headers of an answer, if there was one. */
  readonly headers: IncomingHttpHeaders | undefined;
  /** Time at the server by its Date header, less the time here, in seconds. */
  readonly clockSeconds: number | undefined;
}

/** Finds out which program answers at an address, by requests that need no credentials. */
export async function identify(site: Site, timeoutMs: number): Promise<Identity> {
  if (!(await isListening(site.url, timeoutMs)))
    return { program: 'none', headers: undefined, clockSeconds: undefined };
  const [live, up, root] = await Promise.all(['/live', '/up', '/'].map((path) => get(site, path, timeoutMs)));
  const first = live?.answer ?? up?.answer ?? root?.answer;
  return {
    program: programOf([live?.answer, up?.answer, root?.answer], live?.isLate === true),
    headers: first?.headers,
    clockSeconds: [live, up, root].find((each) => each?.clockSeconds !== undefined)?.clockSeconds,
  };
}

interface Got {
  readonly answer: HttpAnswer | undefined;
  readonly isLate: boolean;
  readonly clockSeconds: number | undefined;
}

async function get(site: Site, path: string, timeoutMs: number): Promise<Got> {
  const sentAtMs = Date.now();
  try {
    const answer = await sendRequest(site.url, {
      method: 'GET',
      path: `${prefixOf(site.url)}${path}`,
      timeoutMs,
      tls: trustOf(site),
    });
    return { answer, isLate: false, clockSeconds: clockIn(answer.headers, sentAtMs) };
  } catch (error) {
    const { fault } = await faultOf(error, site.url, timeoutMs);
    return { answer: undefined, isLate: fault === 'timeout', clockSeconds: undefined };
  }
}

/** Difference of the clocks, without the second that the header leaves out and the time of the request. */
export function clockIn({ date }: IncomingHttpHeaders, sentAtMs: number): number | undefined {
  const there = Date.parse(date ?? '');
  if (Number.isNaN(there)) return undefined;
  const here = (sentAtMs + Date.now()) / 2;
  return Math.round((there + 500 - here) / 1000);
}

function programOf(answers: readonly (HttpAnswer | undefined)[], isLate: boolean): Program {
  const [live, up] = answers.map((answer) => (answer === undefined ? {} : objectIn(answer.text)));
  const given = answers.filter((answer) => answer !== undefined);
  if (given.some(({ headers }) => headers.uwebsockets !== undefined)) return 'soketi';
  if (live?.live === true) return 'wavehall';
  if (given.some(({ headers }) => /reverb/i.test(String(headers['x-powered-by'])))) return 'reverb';
  if (up?.health !== undefined) return 'reverb';
  if (given.length > 0) return 'other';
  return isLate ? 'silent' : 'other';
}

function objectIn(text: string): Readonly<Record<string, unknown>> {
  const value = parseJson(text);
  return isJsonObject(value) ? value : {};
}
