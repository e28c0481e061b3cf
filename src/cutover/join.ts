import type { IncomingMessage } from 'node:http';
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { hostOf } from './address.ts';
import type { Upstream } from './ports.ts';
import { trust } from './trust.ts';

/** The other side has so long to be reached and to answer an upgrade (SPEC 11.3). */
const ANSWER_TIMEOUT_MS = 5000;
const MAX_HEAD_BYTES = 16 * 1024;
/** One end is gone: the other has so long for what is still on its way. */
const LINGER_MS = 5000;
const KEEP_ALIVE_MS = 60_000;
const END_OF_HEAD = '\r\n\r\n';

/** What the other side said to an upgrade; `rest` is what came after its head. */
export interface UpgradeAnswer {
  readonly socket: Socket;
  readonly status: number;
  readonly head: Buffer;
  readonly rest: Buffer;
}

/** Opens a socket to the other side; errors are the caller's affair. */
export function connectUpstream(upstream: Upstream): Socket {
  const { protocol, port } = upstream.url;
  const host = hostOf(upstream.url);
  const at = { host, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
  if (protocol === 'http:') return connectPlain({ ...at, port: Number(port || 80) });
  return connectTls({
    ...at,
    port: Number(port || 443),
    ...(isIP(host) === 0 && { servername: host }),
    ...trust(upstream),
  });
}

/** Asks the other side for an upgrade in the browser's own words. Rejects when it cannot be reached, or says nothing that is HTTP. */
export function askUpgrade(
  upstream: Upstream,
  request: IncomingMessage,
  path: string,
  headers: readonly string[],
): Promise<UpgradeAnswer> {
  const socket = connectUpstream(upstream);
  let text = `${request.method ?? 'GET'} ${path} HTTP/1.1\r\n`;
  for (let at = 0; at < headers.length; at += 2) text += `${headers[at] ?? ''}: ${headers[at + 1] ?? ''}\r\n`;
  socket.write(`${text}\r\n`, 'latin1');
  return readAnswer(socket);
}

function readAnswer(socket: Socket): Promise<UpgradeAnswer> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
    const fail = (reason: Error): void => {
      settle();
      socket.destroy();
      reject(reason);
    };
    const closed = (): void => fail(new Error('it closed the connection without an answer'));
    const heard = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const answer = answerIn(bytes);
      if (answer === undefined) return;
      if (answer === 'not HTTP') return fail(new Error('its answer is not HTTP'));
      settle();
      socket.pause();
      resolve({ socket, ...answer });
    };
    const timeout = setTimeout(
      () => fail(new Error(`no answer in ${ANSWER_TIMEOUT_MS / 1000} s`)),
      ANSWER_TIMEOUT_MS,
    );
    const settle = (): void => {
      clearTimeout(timeout);
      socket.off('data', heard).off('close', closed).off('error', fail);
      socket.on('error', ignored);
    };
    socket.on('data', heard).on('close', closed).on('error', fail);
  });
}

/** `undefined`: there is more to come. */
function answerIn(bytes: Buffer): Omit<UpgradeAnswer, 'socket'> | 'not HTTP' | undefined {
  const end = bytes.indexOf(END_OF_HEAD);
  if (end === -1) return bytes.length > MAX_HEAD_BYTES ? 'not HTTP' : undefined;
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(bytes.toString('latin1', 0, 16))?.[1]);
  if (Number.isNaN(status)) return 'not HTTP';
  return { status, head: bytes.subarray(0, end), rest: bytes.subarray(end + END_OF_HEAD.length) };
}

/** Gives the answer to the browser, with one line more when there is one. */
export function giveAnswer(browser: Duplex, { head, rest }: UpgradeAnswer, line: string | undefined): void {
  browser.write(head);
  browser.write(`${line === undefined ? '' : `\r\n${line}`}${END_OF_HEAD}`, 'latin1');
  if (rest.length > 0) browser.write(rest);
}

/** From now on every byte passes, both ways, and so does the end (SPEC 11.2). */
export function join(browser: Duplex, server: Socket, head: Buffer): void {
  if (head.length > 0) server.write(head);
  browser.pipe(server).pipe(browser);
  linger(browser, server);
  linger(server, browser);
}

function linger(one: Duplex, other: Duplex): void {
  const endSoon = (): void => {
    if (!other.writableEnded) other.end();
    setTimeout(() => other.destroy(), LINGER_MS).unref();
  };
  one.once('end', endSoon);
  one.once('close', endSoon);
}

function ignored(): void {
  return undefined;
}
