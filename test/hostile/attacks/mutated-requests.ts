import { connect, type Socket } from 'node:net';
import type { SeededRandom } from '../../support/seeded-random.ts';
import { type Endpoint, signedPath } from '../../support/wire-http.ts';
import { upgradeText } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';
import { mutateBytes, mutateJson } from '../mutate.ts';
import type { Target } from '../target.ts';

const LANES = 32;
/** A request whose end was cut off is not answered; the client gives up after this. */
const PATIENCE_MS = 200;

interface Wanted {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}

const WANTED: readonly Wanted[] = [
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

/** `count` HTTP requests that are almost right: each is answered or closed, none of them with a 5xx of ours. */
export const mutatedRequests = (count: number): Attack => ({
  name: `${count.toLocaleString('en-US')} mutated requests`,
  async run(target, chance, faults) {
    let left = count;
    const lane = async (number: number): Promise<void> => {
      // Each lane has an address of its own, so that the ports of one do not run out.
      const client = new RawClient(target, `127.0.0.${2 + number}`);
      while (left > 0) {
        left -= 1;
        const at = count - left;
        const request = mutant(target, chance);
        const status = await client.exchange(request);
        if (status >= 500 && status !== 501 && status !== 503 && status !== 505)
          faults.push(
            `request ${at}: ${status} to ${JSON.stringify(request.toString('latin1').slice(0, 500))}`,
          );
      }
      client.close();
    };
    await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
    return undefined;
  },
});

/** A request that is signed as it should be and wrong inside, or right inside and wrong on the wire. */
function mutant(target: Endpoint, chance: SeededRandom): Buffer {
  const wanted = chance.pick(WANTED) as Wanted;
  const isSignedMutant = chance.is(0.5);
  const mutatedBody = isSignedMutant ? mutateJson(wanted.body, chance) : wanted.body;
  const body = wanted.body === undefined ? '' : JSON.stringify(mutatedBody);
  const path = isSignedMutant && chance.is(0.2) ? oddPath(wanted.path, chance) : wanted.path;
  const query: [string, string][] = chance.is(0.3)
    ? [['info', String(chance.pick(['user_count', 'x', '', ',']))]]
    : [];
  const signed = `${target.prefix}${signedPath(target, wanted.method, `/apps/${target.id}${path}`, query, body)}`;
  const right = textOf(
    chance.is(0.05) ? (chance.pick(METHODS) ?? 'GET') : wanted.method,
    signed,
    body,
    chance,
  );
  if (isSignedMutant) return right;
  if (chance.is(0.1))
    return mutateBytes(Buffer.from(upgradeText(`${target.prefix}/app/${target.key}`)), chance);
  return mutateBytes(right, chance);
}

const oddPath = (path: string, chance: SeededRandom): string =>
  path + String(chance.pick(['/', '//', '/%2e%2e', '%00', '/%ff', ';x', '?', '/'.repeat(2000)]));

function textOf(method: string, path: string, body: string, chance: SeededRandom): Buffer {
  const extra = chance.is(0.2) ? `${chance.pick(HEADERS)}\r\n` : '';
  const length = Buffer.byteLength(body);
  return Buffer.from(
    `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${extra}` +
      `Content-Length: ${length}\r\n\r\n${body}`,
  );
}

/** Writes bytes and reads one answer; connects again whenever the server or an odd answer ended the connection. */
class RawClient {
  readonly #target: Target;
  readonly #localAddress: string;
  #socket: Socket | undefined;

  constructor(target: Target, localAddress: string) {
    this.#target = target;
    this.#localAddress = localAddress;
  }

  /** The status of the answer, 0 when there was none. */
  async exchange(request: Buffer): Promise<number> {
    const socket = (this.#socket ??= await this.#connect());
    const answer = await new Promise<Buffer>((resolve) => {
      let received = Buffer.alloc(0);
      const done = (): void => {
        clearTimeout(patience);
        socket.off('data', take).off('close', done);
        resolve(received);
      };
      const take = (chunk: Buffer): void => {
        received = Buffer.concat([received, chunk]);
        if (isWhole(received)) done();
      };
      const patience = setTimeout(done, PATIENCE_MS);
      socket.on('data', take).on('close', done);
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

const isWhole = (answer: Buffer): boolean => answer.length >= (lengthOf(answer) ?? Infinity);

const isReusable = (answer: Buffer): boolean =>
  answer.length === lengthOf(answer) && !/\r\nconnection: *(close|upgrade)/i.test(answer.toString('latin1'));
