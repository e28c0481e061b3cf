import { isJsonObject, parseJson, signHttp, type Credential } from '#protocol';
import { prefixOf } from '../../../net/address.ts';
import { type HttpAnswer, sendRequest } from '../../../net/http-client.ts';
import type { ProblemName } from '../report/problems.ts';
import { isChallenge, isPage } from './answer-kind.ts';
import { type FaultReport, faultOf } from './faults.ts';
import { type Site, trustOf } from './site.ts';

export interface Publisher {
  readonly site: Site;
  readonly appId: string;
  readonly credential: Credential;
  readonly timeoutMs: number;
}

export interface ProbeEvent {
  readonly name: string;
  readonly channel: string;
  readonly data: string;
}

export type PublishOutcome =
  | { readonly kind: 'answer'; readonly answer: HttpAnswer; readonly problem: ProblemName | undefined }
  | { readonly kind: 'fault'; readonly report: FaultReport };

/** Publishes one event as Laravel does, with its credentials. Never rejects. */
export async function publishEvent(publisher: Publisher, event: ProbeEvent): Promise<PublishOutcome> {
  const { site, appId, credential, timeoutMs } = publisher;
  const path = `/apps/${encodeURIComponent(appId)}/events`;
  const body = JSON.stringify({ name: event.name, channels: [event.channel], data: event.data });
  const timestampSeconds = Math.floor(Date.now() / 1000);
  const query = signHttp(credential, { method: 'POST', path, body, timestampSeconds });
  try {
    const answer = await sendRequest(site.url, {
      method: 'POST',
      path: `${prefixOf(site.url)}${path}?${query}`,
      body,
      timeoutMs,
      tls: trustOf(site),
    });
    return { kind: 'answer', answer, problem: problemOf(answer) };
  } catch (error) {
    return { kind: 'fault', report: await faultOf(error, site.url, timeoutMs) };
  }
}

const BY_STATUS: Readonly<Record<number, ProblemName>> = {
  401: 'publish-signature-refused',
  403: 'publish-forbidden',
  404: 'publish-path-wrong',
  405: 'publish-path-wrong',
  413: 'publish-too-large',
  429: 'publish-rate-limited',
  502: 'publish-unavailable',
  503: 'publish-unavailable',
  504: 'publish-unavailable',
};

/** Texts that say more than their status. */
const BY_TEXT: readonly (readonly [status: number, text: RegExp, name: ProblemName])[] = [
  [401, /timestamp/i, 'publish-clock-refused'],
  [404, /no matching application|could not be found/i, 'publish-app-unknown'],
  [400, /plain HTTP request was sent to HTTPS/i, 'publish-scheme-wrong'],
];

/** The problem that an answer shows; `undefined`: the event was taken. */
function problemOf(answer: HttpAnswer): ProblemName | undefined {
  const { status, text } = answer;
  if (isChallenge(answer)) return 'publish-page-answered';
  if (status >= 300 && status < 400) return 'publish-redirected';
  if (status >= 200 && status < 300)
    return isJsonObject(parseJson(text)) ? undefined : 'publish-page-answered';
  const found = BY_TEXT.find(([code, pattern]) => code === status && pattern.test(text));
  if (found !== undefined) return found[2];
  if ((status === 401 || status === 403) && isPage(answer)) return 'publish-page-answered';
  return BY_STATUS[status] ?? 'publish-failed';
}
