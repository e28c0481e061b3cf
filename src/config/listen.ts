import { isIPv6 } from 'node:net';
import { integer, type SettingType, setting, type Values } from '../settings/settings.ts';

/** A path that the router takes literally: no wildcards, parameters or escapes. */
const path: SettingType<string> = {
  expected: "a path such as ws or ws/eu, of letters, digits and -._~!$&'+,;=@",
  parse(given) {
    const segments = given.replace(/^\/+|\/+$/g, '').split('/');
    const isPlain = segments.every((each) => /^[\w.~!$&'+,;=@-]+$/.test(each) && !/^\.\.?$/.test(each));
    return isPlain || segments.join('') === '' ? given : undefined;
  },
};

/** An IPv6 address stands alone, or in brackets as PHP writes it. */
const host: SettingType<string> = {
  expected: 'an address or a host name, such as 0.0.0.0, :: or [::]',
  parse(given) {
    const inBrackets = /^\[(.*)\]$/.exec(given)?.[1];
    if (inBrackets !== undefined) return isIPv6(inBrackets) ? inBrackets : undefined;
    return isIPv6(given) || /^[^\s:/?#[\]@]+$/.test(given) ? given : undefined;
  },
};

const optionalHost: SettingType<string | undefined> = host;

const port = integer(0, 65_535);
const optionalPort: SettingType<number | undefined> = port;

/** Settings of the addresses at which the server listens. */
export const LISTEN_SETTINGS = {
  host: setting(
    'REVERB_SERVER_HOST',
    host,
    '0.0.0.0',
    'Address to listen on; 127.0.0.1 if no app is configured.',
  ),
  port: setting('REVERB_SERVER_PORT', port, 8080, 'Port to listen on.'),
  path: setting('REVERB_SERVER_PATH', path, '', 'Path prefix of /app and /apps; both also work without it.'),
  apiPort: setting(
    'WAVEHALL_API_PORT',
    optionalPort,
    '',
    'Port of its own for the HTTP API (/apps) and the admin API, so that REVERB_SERVER_PORT serves only clients; empty: one port for all.',
  ),
  apiHost: setting(
    'WAVEHALL_API_HOST',
    optionalHost,
    '',
    'Address to listen on for WAVEHALL_API_PORT; empty: REVERB_SERVER_HOST.',
  ),
  metricsPort: setting(
    'WAVEHALL_METRICS_PORT',
    optionalPort,
    '',
    'Port that serves GET /metrics (Prometheus) and /health/detailed without a token; empty: none.',
  ),
  metricsHost: setting(
    'WAVEHALL_METRICS_HOST',
    host,
    '127.0.0.1',
    'Address to listen on for WAVEHALL_METRICS_PORT; whoever reaches it can read the metrics.',
  ),
} as const;

type ListenValues = Values<typeof LISTEN_SETTINGS>;

/** Lists ports that are set to the number of another one. 0 is any free port, so it may repeat. */
export function* equalPorts(values: ListenValues): Generator<string> {
  const taken = new Map([[values.port, LISTEN_SETTINGS.port.name]]);
  for (const { name, value } of [
    { name: LISTEN_SETTINGS.apiPort.name, value: values.apiPort },
    { name: LISTEN_SETTINGS.metricsPort.name, value: values.metricsPort },
  ]) {
    if (value === undefined || value === 0) continue;
    const other = taken.get(value);
    if (other === undefined) taken.set(value, name);
    else yield `${name}="${value}": expected another port than ${other}, which has this one`;
  }
}

/** Warns of addresses whose port is not set. */
export function* unusedHosts(values: ListenValues): Generator<string> {
  const { apiPort, apiHost, metricsPort, metricsHost } = LISTEN_SETTINGS;
  if (values.apiHost !== undefined && values.apiPort === undefined)
    yield `${apiHost.name} has no effect, because ${apiPort.name} is not set`;
  if (values.metricsHost !== metricsHost.fallback && values.metricsPort === undefined)
    yield `${metricsHost.name} has no effect, because ${metricsPort.name} is not set`;
}

/** Sockets that the metrics port may have. */
export const METRICS_SOCKETS = 32;
/** Share of all sockets that the API port may have. */
const API_SHARE = 1 / 8;

/**
 * Divides the sockets of the process among its ports, so that clients of one port cannot use up those of another; 0: no limit.
 */
export function socketShares(
  { apiPort, metricsPort }: Pick<ListenValues, 'apiPort' | 'metricsPort'>,
  maxSockets: number,
): { readonly main: number; readonly api: number; readonly metrics: number } {
  if (maxSockets === 0) return { main: 0, api: 0, metrics: METRICS_SOCKETS };
  const api = apiPort === undefined ? 0 : Math.max(1, Math.floor(maxSockets * API_SHARE));
  const metrics = metricsPort === undefined ? 0 : METRICS_SOCKETS;
  return { main: Math.max(1, maxSockets - api - metrics), api, metrics };
}
