import { type Credential, signHttp } from '#protocol';
import { prefixOf } from '../../net/address.ts';
import { type HttpAnswer, sendRequest } from '../../net/http-client.ts';
import { tlsTrust } from '../../net/tls-trust.ts';
import type { ClientTarget } from '../client/client-socket.ts';

const MAX_ROSTER_BYTES = 16 * 1024 * 1024;

/** Address and credentials of one server, for probes. */
export interface ProbeSite extends ClientTarget {
  readonly appId: string;
  readonly credential: Credential;
  /** Where it serves the HTTP API, if that is another port. */
  readonly apiUrl?: URL | undefined;
}

const apiUrlOf = ({ url, apiUrl = url }: ProbeSite, target: string): URL =>
  new URL(`${prefixOf(apiUrl)}${target}`, apiUrl);

/** True when a user is on a presence channel, by the HTTP API (SPEC 8.7). */
export async function hasMember(
  site: ProbeSite,
  channel: string,
  userId: string,
  timeoutMs: number,
): Promise<boolean> {
  const path = `/apps/${encodeURIComponent(site.appId)}/channels/${encodeURIComponent(channel)}/users`;
  const timestampSeconds = Math.floor(Date.now() / 1000);
  const query = signHttp(site.credential, { method: 'GET', path, body: '', timestampSeconds });
  const url = apiUrlOf(site, `${path}?${query}`);
  const { status, text } = await sendRequest(url, {
    method: 'GET',
    maxAnswerBytes: MAX_ROSTER_BYTES,
    timeoutMs,
    tls: tlsTrust(site),
  });
  if (status !== 200) return false;
  const { users } = JSON.parse(text) as { users: readonly { readonly id: unknown }[] };
  return users.some(({ id }) => String(id) === userId);
}

export interface ProbeEvent {
  readonly name: string;
  readonly channel: string;
  readonly data: string;
}

/** Publishes through the site's HTTP API; the signature is over the path without the prefix (SPEC 7.4). */
export function publishAtSite(
  site: ProbeSite,
  event: ProbeEvent,
  timing: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<HttpAnswer> {
  const path = `/apps/${encodeURIComponent(site.appId)}/events`;
  const body = JSON.stringify({ name: event.name, channel: event.channel, data: event.data });
  const timestampSeconds = Math.floor(Date.now() / 1000);
  const query = signHttp(site.credential, { method: 'POST', path, body, timestampSeconds });
  const url = apiUrlOf(site, `${path}?${query}`);
  return sendRequest(url, { method: 'POST', body, ...timing, tls: tlsTrust(site) });
}
