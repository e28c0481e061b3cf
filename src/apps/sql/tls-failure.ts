import type { DatabaseAddress } from './address.ts';

/** Node's codes for a certificate that is not accepted. */
const CERTIFICATE = /CERT|SIGNED|SIGNATURE|ISSUER|^INVALID_(?:CA|PURPOSE)$|^PATH_LENGTH/;
const OTHER_NAME = /^Hostname\/IP does not match certificate's altnames: /;
const WRONG_TIME = /expired|not yet valid/;
const LOST = /socket disconnected/;
const MOST_CHARS = 200;

const NOT_OFFERED =
  'it does not offer TLS: switch TLS on there, or set neither sslmode nor WAVEHALL_APPS_DATABASE_TLS_CA';
const REQUIRED =
  'it accepts connections over TLS only: add sslmode=require to WAVEHALL_APPS_DATABASE, or set DB_SSLMODE=require';

/**
 * Why there is no TLS with the database, and what to set; `undefined`: the failure has another cause. The codes and words are those
 * of Node, `mysql2` and `pg`.
 */
export function tlsFailure(error: unknown, { host }: Pick<DatabaseAddress, 'host'>): string | undefined {
  const {
    code = '',
    message = '',
    syscall,
  } = error as { code?: unknown; message?: string; syscall?: string };
  if (code === 'HANDSHAKE_NO_SSL_SUPPORT' || /does not support SSL/.test(message)) return NOT_OFFERED;
  if (code === 'ER_SECURE_TRANSPORT_REQUIRED') return REQUIRED;
  if (code === '28000' && message.endsWith('no encryption')) return REQUIRED;
  // `mysql2` puts its own code in the place of Node's, also when the connection is lost.
  const isOfHandshake = code === 'HANDSHAKE_SSL_ERROR' && syscall === undefined && !LOST.test(message);
  return isOfHandshake || CERTIFICATE.test(String(code))
    ? refusal(message.slice(0, MOST_CHARS), host)
    : undefined;
}

function refusal(words: string, host: string): string {
  if (OTHER_NAME.test(words))
    return `its TLS certificate is not for ${host}: use a name that it has (${words.replace(OTHER_NAME, '')})`;
  const remedy = WRONG_TIME.test(words)
    ? 'renew it, and look at the clocks'
    : 'name the file of its CA in WAVEHALL_APPS_DATABASE_TLS_CA';
  return `its TLS certificate is not accepted (${words}): ${remedy}`;
}
