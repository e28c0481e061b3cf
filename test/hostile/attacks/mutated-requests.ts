import { connect, type Socket } from 'node:net';
import type { SeededRandom } from '../../support/seeded-random.ts';
import { type Endpoint, signedPath } from '../../support/wire-http.ts';
import { upgradeText } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';
import { mutateBytes, mutateJson } from '../mutate.ts';
import type { Target } from '../target.ts';

const LOOPS = 32;
/** A truncated request is not answered; the client gives up after this time. */
const TIMEOUT_MS = 200;

interface ValidRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}

const VALID_REQUESTS: readonly ValidRequest[] = [
  { method: 'POST', path: '/events', body: { name: 'e', channels: ['a', 'private-b'], data: '{"x":1}' } },
  {
    method: 'POST',
    path: '/events',
    body: { name: 'e', channel: 'cache-a', data: 'text', socket_id: '1.2' },
  },
  {
    method: 'POST',
    path: '/batch_events',
    body: { batch: [{ name: 'e', channel: 'a', data: 'd', info: 'user_count' }] },
  },
  { method: 'GET', path: '/channels' },
  { method: 'GET', path: '/channels/presence-a' },
  { method: 'GET', path: '/channels/presence-a/users' },
  { method: 'GET', path: '/connections' },
  { method: 'POST', path: '/users/someone/terminate_connections', body: {} },
];

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'PATCH', 'LOCK', 'PROPFIND'];
const HEADERS = [
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip, chunked',
  'Content-Length: 0',
  'Content-Length: 5',
  'Content-Length: -1',
  'Content-Length: 99999999999999999999',
  'Content-Encoding: gzip',
  'Content-Type: text/xml',
  'Content-Type: ;;;',
  'Connection: upgrade',
  'Connection: close',
  'Upgrade: h2c',
  'Upgrade: websocket',
  'Expect: 100-continue',
  'Host: a, b',
  'Trailer: x',
  'X-Forwarded-For: ::1, unknown, 1.2.3.4:99999',
  `X-Long: ${'y'.repeat(9000)}`,
];

/** `count` almost valid HTTP requests: each is answered or closed, none with an internal error (5xx). */
export const mutatedRequests = (count: number): Attack => ({
  name: `${count.toLocaleString('en-US')} mutated requests`,
  async run(target, random, faults) {
    let left = count;
    const loop = async (number: number): Promise<void> => {
      // Each loop has an address of its own, so that the ports of one address do not run out.
      const client = new RawClient(target, `127.0.0.${2 + number}`);
      while (left > 0) {
        left -= 1;
        const at = count - left;
        const request = mutant(target, random);
        const status = await client.exchange(request);
        if (status >= 500 && status !== 501 && status !== 503 && status !== 505)
          faults.push(
            `request ${at}: ${status} to ${JSON.stringify(request.toString('latin1').slice(0, 500))}`,
          );
      }
      client.close();
    };
    await Promise.all(Array.from({ length: LOOPS }, (_, number) => loop(number)));
    return undefined;
  },
});

/** Returns a correctly signed request with invalid content, or a valid request with mutated bytes. */
function mutant(target: Endpoint, random: SeededRandom): Buffer {
  const valid = random.pick(VALID_REQUESTS) as ValidRequest;
  const isSignedMutant = random.is(0.5);
  const mutatedBody = isSignedMutant ? mutateJson(valid.body, random) : valid.body;
  const body = valid.body === undefined ? '' : JSON.stringify(mutatedBody);
  const path = isSignedMutant && random.is(0.2) ? oddPath(valid.path, random) : valid.path;
  const query: [string, string][] = random.is(0.3)
    ? [['info', String(random.pick(['user_count', 'x', '', ',']))]]
    : [];
  const signed = `${target.prefix}${signedPath(target, valid.method, `/apps/${target.id}${path}`, query, body)}`;
  const request = textOf(
    random.is(0.05) ? (random.pick(METHODS) ?? 'GET') : valid.method,
    signed,
    body,
    random,
  );
  if (isSignedMutant) return request;
  if (random.is(0.1))
    return mutateBytes(Buffer.from(upgradeText(`${target.prefix}/app/${target.key}`)), random);
  return mutateBytes(request, random);
}

const oddPath = (path: string, random: SeededRandom): string =>
  path + String(random.pick(['/', '//', '/%2e%2e', '%00', '/%ff', ';x', '?', '/'.repeat(2000)]));

function textOf(method: string, path: string, body: string, random: SeededRandom): Buffer {
  const extra = random.is(0.2) ? `${random.pick(HEADERS)}\r\n` : '';
  const length = Buffer.byteLength(body);
  return Buffer.from(
    `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${extra}` +
      `Content-Length: ${length}\r\n\r\n${body}`,
  );
}

/** Sends bytes and reads one answer; reconnects if the connection was closed or cannot be reused. */
class RawClient {
  readonly #target: Target;
  readonly #localAddress: string;
  #socket: Socket | undefined;

  constructor(target: Target, localAddress: string) {
    this.#target = target;
    this.#localAddress = localAddress;
  }

  /** Returns the status of the answer, 0 if there is none. */
  async exchange(request: Buffer): Promise<number> {
    const socket = (this.#socket ??= await this.#connect());
    const answer = await new Promise<Buffer>((resolve) => {
      let received = Buffer.alloc(0);
      const done = (): void => {
        clearTimeout(timeout);
        socket.off('data', read).off('close', done);
        resolve(received);
      };
      const read = (chunk: Buffer): void => {
        received = Buffer.concat([received, chunk]);
        if (isComplete(received)) done();
      };
      const timeout = setTimeout(done, TIMEOUT_MS);
      socket.on('data', read).on('close', done);
      socket.write(request);
    });
    if (!isReusable(answer)) this.close();
    return Number(/^HTTP\/1\.[01] (\d{3})/.exec(answer.toString('latin1', 0, 15))?.[1] ?? 0);
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #connect(): Promise<Socket> {
    const { host, port } = this.#target;
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, localAddress: this.#localAddress });
      socket.on('error', (error) => reject(error));
      socket.once('connect', () => resolve(socket));
    });
  }
}

function lengthOf(answer: Buffer): number | undefined {
  const end = answer.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const head = answer.toString('latin1', 0, end);
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  return end + 4 + length;
}

const isComplete = (answer: Buffer): boolean => answer.length >= (lengthOf(answer) ?? Infinity);

const isReusable = (answer: Buffer): boolean =>
  answer.length === lengthOf(answer) && !/\r\nconnection: *(close|upgrade)/i.test(answer.toString('latin1'));
