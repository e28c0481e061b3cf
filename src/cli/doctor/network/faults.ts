import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { hostOf } from '../../../net/address.ts';
import { HttpFailure } from '../../../net/http-client.ts';

/** Why there is no answer: the end of a problem's name. */
export type Fault = 'host-unknown' | 'refused' | 'timeout' | 'unreachable' | 'scheme-wrong';

export interface FaultReport {
  readonly fault: Fault;
  /** The reason of the system, such as `ECONNREFUSED`. */
  readonly reason: string;
}

const CODES: Readonly<Record<string, Fault>> = {
  ENOTFOUND: 'host-unknown',
  EAI_AGAIN: 'host-unknown',
  EAI_FAIL: 'host-unknown',
  ECONNREFUSED: 'refused',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ETIMEDOUT: 'timeout',
  EPROTO: 'scheme-wrong',
  ERR_SSL_WRONG_VERSION_NUMBER: 'scheme-wrong',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'scheme-wrong',
};

/** Explains an error of a connection to `url`. A connection that broke is tried again with TLS, or without. */
export async function faultOf(error: unknown, url: URL, timeoutMs: number): Promise<FaultReport> {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const isLate = (error instanceof HttpFailure && error.kind === 'timeout') || /timed out/i.test(message);
  const known = isLate ? 'timeout' : CODES[code];
  const reason = code === '' ? message : code;
  if (known !== undefined) return { fault: known, reason };
  if (url.protocol === 'http:' && (await speaksTls(url, timeoutMs)))
    return { fault: 'scheme-wrong', reason: 'the server expects TLS' };
  return { fault: 'unreachable', reason };
}

export const portOf = ({ port, protocol }: URL): number =>
  port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);

/** True when a TLS handshake succeeds at the address of a URL, whatever its certificate. */
export function speaksTls(url: URL, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTls({ host: hostOf(url), port: portOf(url), rejectUnauthorized: false });
    const end = (isTls: boolean): void => {
      socket.destroy();
      resolve(isTls);
    };
    socket.setTimeout(timeoutMs, () => end(false));
    socket.on('secureConnect', () => end(true));
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
  });
}

/** True when something listens at the address of a URL. */
export function isListening(url: URL, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp(portOf(url), hostOf(url));
    const end = (listens: boolean): void => {
      socket.destroy();
      resolve(listens);
    };
    socket.setTimeout(timeoutMs, () => end(false));
    socket.on('connect', () => end(true));
    socket.on('error', () => end(false));
  });
}
