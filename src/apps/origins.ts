import { isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import { parseUrl } from '../core/util/url.ts';
import { type SettingType, list } from '../settings/settings.ts';

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' };
/** Schemes that are never those of a page's origin. */
const NON_PAGE_SCHEMES = new Set(['ws', 'wss', 'file', 'data', 'blob', 'javascript', 'about']);

/**
 * SPEC 2.6: allowed origins in the form that browsers send: lower case, punycode, no default port, no slash at the end.
 * An entry that could never match any page is refused by name.
 */
export const origins: SettingType<readonly string[]> = {
  expected:
    'a host such as app.test or *.app.test, or an origin such as https://app.test:8443, without path, user or query',
  parse(given) {
    const entries = list.parse(given)?.map(normalOrigin);
    return entries?.every((entry) => entry !== undefined) === true ? entries : undefined;
  },
  wrongPart: (given) => list.parse(given)?.find((entry) => normalOrigin(entry) === undefined),
};

const ENTRY = /^(?:([a-z*][a-z\d+.*-]*):\/\/)?(\[[^\]]*\]|[^:/?#@\s[\]]+)(?::(\d{1,5}|\*))?\/*$/i;

function normalOrigin(entry: string): string | undefined {
  if (entry === '*') return entry;
  if (isIPv6(entry)) return normalHost(`[${entry}]`);
  const [, scheme, givenHost = '', port] = ENTRY.exec(entry) ?? [];
  const host = normalHost(givenHost);
  if (host === undefined || host === 'null' || Number(port) > 65_535) return undefined;
  return scheme === undefined ? hostEntry(host, port) : originEntry(scheme.toLowerCase(), host, port);
}

/** Returns the entry for a host: with a port it stands for any scheme, with a default port for the scheme of that port. */
function hostEntry(host: string, port: string | undefined): string {
  if (port === undefined || port === '*') return host;
  const scheme = Object.keys(DEFAULT_PORTS).find((each) => DEFAULT_PORTS[each] === port);
  return scheme === undefined ? `*://${host}:${Number(port)}` : `${scheme}://${host}`;
}

function originEntry(scheme: string, host: string, port: string | undefined): string | undefined {
  if (NON_PAGE_SCHEMES.has(scheme)) return undefined;
  const isUsual = port === undefined || port === DEFAULT_PORTS[scheme];
  return `${scheme}://${host}${isUsual ? '' : `:${port === '*' ? port : Number(port)}`}`;
}

function normalHost(host: string): string | undefined {
  if (!host.includes('*')) return plainHost(parseUrl(`http://${host}`));
  const labels = host.toLowerCase().split('.').map(normalLabel);
  return labels.every((label) => label !== undefined) ? labels.join('.') : undefined;
}

const plainHost = (url: URL | undefined): string | undefined =>
  url === undefined || url.hostname === '' || /^\.|\.\./.test(url.hostname) ? undefined : url.hostname;

/** Normalises one label of a host: a label with `*` is a pattern in ASCII, any other is a name. */
function normalLabel(label: string): string | undefined {
  if (label.includes('*')) return /^[a-z\d_*-]+$/.test(label) ? label : undefined;
  return domainToASCII(label) || undefined;
}
