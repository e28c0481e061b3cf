import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { webSocketAccept, startTcpServer } from './servers.ts';
import { waitFor } from '../support/wait-for.ts';

/** Requests that are not proxied: of the bridge, and the front door's check that the upstream is not itself. */
const NOT_PROXIED = /client=wavehall-bridge|^GET \/\S*live /;

export const SECRET_RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsecret!';

const keyIn = (head: string): string => /^sec-websocket-key: *(\S+)/im.exec(head)?.[1] ?? '';

/** A valid answer to a WebSocket handshake. */
export const acceptResponse = (head: string): string =>
  [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${webSocketAccept(keyIn(head))}`,
    '',
    '',
  ].join('\r\n');

/** Accepts every upgrade, and answers everything else with a secret. */
const acceptAll = (head: string): string =>
  /^upgrade:/im.test(head) ? acceptResponse(head) : SECRET_RESPONSE;

/** An upstream that records every byte that is proxied to it, and answers each head. */
export async function startRecordingUpstream(
  answer: (head: string, socket: Socket) => string | undefined = acceptAll,
) {
  const texts: string[] = [];
  const sockets: Socket[] = [];
  const { port } = await startTcpServer((socket) => {
    let [text, at] = ['', -1];
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (at === -1 && !text.includes('\r\n\r\n')) return;
      if (at === -1) {
        if (NOT_PROXIED.test(text)) return void socket.destroy();
        at = texts.push(text) - 1;
        sockets.push(socket);
        const given = answer(text, socket);
        if (given !== undefined) socket.write(given, 'latin1');
      }
      texts[at] = text;
    });
  });
  return { port, texts, sockets, received: () => texts.join('\n---\n') };
}

/** A client that sends raw bytes. */
export function sendRaw(port: number, ...parts: readonly (string | Buffer)[]) {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  for (const part of parts) socket.write(part, 'latin1');
  onTestFinished(() => void socket.destroy());
  const ended = new Promise<void>((resolve) => {
    socket.once('end', resolve);
    socket.once('close', () => resolve());
  });
  return {
    socket,
    text: () => text,
    /** Resolves when the server has ended its half. */
    ended,
    status: () => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0),
    async answered(): Promise<number> {
      await waitFor(() => {
        if (!text.includes('\r\n\r\n')) throw new Error(`no answer yet: ${text}`);
      }, 15_000);
      return this.status();
    },
  };
}

export const requestText = (line: string, ...lines: readonly string[]): string =>
  [`${line} HTTP/1.1`, ...lines, '', ''].join('\r\n');
