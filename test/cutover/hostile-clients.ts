import { APP } from '../support/app.ts';
import { http } from '../support/wire-http.ts';
import { frameBytes, OPCODE, Tcp, textFrame, upgradeText } from '../support/wire-tcp.ts';
import { type Address, Wire } from '../support/wire.ts';
import { sleep } from '../../src/core/util/time.ts';

const VALID_PATH = `/app/${APP.key}?protocol=7&client=hostile&version=1`;
/** Origin of a page that may connect. */
const ORIGIN = 'http://app.test';
/** Longest time that an act waits for an answer. */
const WAIT_MS = 2000;

type Act = (target: Address) => Promise<unknown>;

const openGreeted = async (target: Address): Promise<Wire> => {
  const wire = await Wire.open(target, VALID_PATH, { origin: ORIGIN });
  await wire.next('pusher:connection_established', WAIT_MS);
  return wire;
};

/** Sends messages on a good connection, waits for the pong of a ping, and closes. */
const sending =
  (...messages: unknown[]): Act =>
  async (target) => {
    const wire = await openGreeted(target);
    for (const message of messages) wire.send(message);
    await wire.settle(WAIT_MS).catch(() => undefined);
    wire.drop();
  };

const closingWith =
  (code: number): Act =>
  async (target) => {
    const wire = await openGreeted(target);
    await wire.close(code);
  };

const refused =
  (path: string, origin = ORIGIN): Act =>
  async (target) => {
    const wire = await Wire.open(target, path, { origin });
    await wire.closing(WAIT_MS).catch(() => undefined);
    wire.drop();
  };

/** Sends bytes that no client library sends. */
const raw =
  (bytes: string | Buffer, ...more: readonly Buffer[]): Act =>
  async (target) => {
    const tcp = await Tcp.open(target);
    tcp.socket.write(bytes);
    for (const each of more) {
      await sleep(10);
      tcp.socket.write(each);
    }
    await Promise.race([tcp.ended, sleep(50)]);
    tcp.socket.destroy();
  };

const reset: Act = async (target) => {
  const wire = await openGreeted(target);
  (wire.socket as unknown as { _socket: { resetAndDestroy(): void } })._socket.resetAndDestroy();
};

const request = (method: string, path: string, body = ''): Act => {
  const headers = { 'Content-Type': 'application/json' };
  return (target) => http(target, { method, path, headers, ...(body !== '' && { body }) });
};

const SUBSCRIBE = (channel: string, auth?: string) => ({
  event: 'pusher:subscribe',
  data: { channel, auth },
});
const many = <T>(count: number, make: (at: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => make(at));

/** Acts that close the connection right after it is opened, in every possible way. */
export const QUICK_CLOSERS: readonly Act[] = [
  ...[1000, 1001, 3000, 4000, 4004, 4009, 4100, 4201, 4301, 4999].map(closingWith),
  async (target) => (await openGreeted(target)).drop(),
  async (target) => (await Wire.open(target, VALID_PATH, { origin: ORIGIN })).drop(),
  raw(upgradeText(VALID_PATH, { Origin: ORIGIN }), frameBytes({ opcode: OPCODE.close })),
  reset,
];

/** Acts of a client with a page's key: mistakes, abuse, and everything that a limit or a rule refuses. */
export const HOSTILE_ACTS: readonly Act[] = [
  ...QUICK_CLOSERS,
  refused(`/app/${APP.key}?protocol=1`),
  refused(`/app/${APP.key}?protocol=x`),
  refused('/app/nobody?protocol=7'),
  refused(VALID_PATH, 'https://evil.test'),
  sending({ event: 'pusher:signin', data: { auth: 'app-key:00', user_data: '{"id":"1"}' } }),
  sending(SUBSCRIBE('private-a', 'app-key:00'), SUBSCRIBE('presence-a', 'x'), SUBSCRIBE('no spaces')),
  sending(
    ...many(300, (at) => SUBSCRIBE(`c-${at}`)),
    ...many(50, (at) => ({ event: 'client-x', channel: `c-${at}`, data: {} })),
  ),
  sending(...many(2000, () => ({ event: 'pusher:ping', data: {} }))),
  sending('{', 'null', '[]', { event: 7 }, { event: 'pusher:subscribe', data: 'x' }),
  sending({ event: 'x', data: 'y'.repeat(300_000) }),
  raw(
    upgradeText(VALID_PATH, { Origin: ORIGIN }),
    frameBytes({ opcode: OPCODE.text, payload: Buffer.from([0xff, 0xfe]) }),
  ),
  raw(
    upgradeText(VALID_PATH, { Origin: ORIGIN }),
    frameBytes({ opcode: 3 }),
    frameBytes({ opcode: OPCODE.text, masked: false }),
  ),
  raw(
    upgradeText(VALID_PATH, { Origin: ORIGIN }),
    frameBytes({ opcode: OPCODE.text, claimedLength: 1n << 40n }),
  ),
  raw(upgradeText(VALID_PATH, { Origin: ORIGIN }).slice(0, 60)),
  raw(upgradeText(VALID_PATH, { Origin: ORIGIN, 'Sec-WebSocket-Key': 'short' })),
  raw(upgradeText(VALID_PATH, { Origin: ORIGIN, 'Sec-WebSocket-Version': '1', 'Content-Length': '9' })),
  raw(upgradeText(VALID_PATH, { Origin: ORIGIN, Cookie: `wavehall_bucket=${'9'.repeat(4000)}` })),
  raw(upgradeText(VALID_PATH, { Upgrade: 'foo' })),
  raw('GET /app/%ZZ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
  raw('\u0000\u0001 HTTP/9.9\r\n\r\n'),
  raw(
    upgradeText(VALID_PATH, { Origin: ORIGIN }),
    ...many(20, () => textFrame({ event: 'pusher:ping', data: {} })),
  ),
  request('POST', `/apps/${APP.id}/events`, '{"name":"x","channel":"y","data":"z"}'),
  request('POST', `/apps/${APP.id}/events?auth_key=app-key&auth_signature=00`, '{'),
  request('POST', `/apps/${APP.id}/batch_events`, '[]'.repeat(100_000)),
  request('GET', '/apps/%00/channels'),
  request('DELETE', `/apps/${APP.id}/channels`),
  request('GET', '/apps/nobody/channels'),
];

export interface HostileClients {
  /** Number of acts so far. */
  readonly acts: () => number;
  stop(): Promise<void>;
}

/** Starts clients that each do all acts in turn, beginning with a different one. */
export function startHostileClients(
  target: Address,
  clients: number,
  acts: readonly Act[] = HOSTILE_ACTS,
): HostileClients {
  let done = 0;
  let isOver = false;
  const loop = async (from: number): Promise<void> => {
    for (let at = from; !isOver; at += 1) {
      await acts[at % acts.length]?.(target).catch(() => undefined);
      done += 1;
      await sleep(1);
    }
  };
  const loops = many(clients, (at) => loop(Math.floor((at * acts.length) / clients)));
  return {
    acts: () => done,
    async stop() {
      isOver = true;
      await Promise.all(loops);
    },
  };
}
