import { isJsonObject, type JsonObject } from '#protocol';
import { soketiFileIn } from './soketi.ts';

/** The parts that Wavehall uses of Reverb's `config("reverb")` as JSON, of its list of apps alone, or of soketi's file. */
export interface ReverbConfig {
  /** The list of apps, not checked yet. */
  readonly apps: unknown;
  /** `servers.reverb`; `undefined` if only the apps are given. */
  readonly server: JsonObject | undefined;
  /** Options of soketi's file that have no effect. */
  readonly soketiOptions?: readonly string[];
}

export function reverbConfigIn(value: unknown): ReverbConfig {
  if (!isJsonObject(value)) return { apps: value, server: undefined };
  const soketi = soketiFileIn(value);
  if (soketi !== undefined) return { apps: soketi.apps, server: undefined, soketiOptions: soketi.others };
  return {
    apps: isJsonObject(value.apps) ? value.apps.apps : value,
    server:
      isJsonObject(value.servers) && isJsonObject(value.servers.reverb) ? value.servers.reverb : undefined,
  };
}

/** Certificate and key of `servers.reverb.options.tls`. */
export interface ReverbTls {
  readonly localCert: string;
  readonly localPk: string | undefined;
  readonly passphrase: string | undefined;
}

export function tlsOf({ server }: ReverbConfig): ReverbTls | undefined {
  const tls = isJsonObject(server?.options) ? server.options.tls : undefined;
  if (!isJsonObject(tls) || typeof tls.local_cert !== 'string') return undefined;
  const textOf = (name: string): string | undefined =>
    typeof tls[name] === 'string' ? tls[name] : undefined;
  return { localCert: tls.local_cert, localPk: textOf('local_pk'), passphrase: textOf('passphrase') };
}

/** Reverb's default, which is not taken over: Wavehall's is larger. */
const REVERB_DEFAULT_REQUEST_BYTES = 10_000;

/** `servers.reverb.max_request_size` as the variable of this setting, if it differs from Reverb's default. */
export function requestSizeOf({ server }: ReverbConfig): Record<string, string> {
  const size = server?.max_request_size;
  if (size === undefined || size === null || Number(size) === REVERB_DEFAULT_REQUEST_BYTES) return {};
  return { REVERB_MAX_REQUEST_SIZE: typeof size === 'string' ? size : JSON.stringify(size) };
}
