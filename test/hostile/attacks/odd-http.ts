import type { SeededRandom } from '../../support/seeded-random.ts';
import { frameBytes, OPCODE, Tcp, upgradeText } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';
import { pingFrame, range, socketPath } from '../hostile-client.ts';
import type { Target } from '../target.ts';
import { sleep } from '../../../src/core/util/time.ts';

const TOGETHER = 16;
/** Longer than the server's timeout of an unfinished request (10 s) and the interval of its checks. */
const TIMEOUT_MS = 20_000;
const BODY = '{"name":"e","channel":"a","data":"d"}';

interface OddRequest {
  readonly name: string;
  readonly bytes: (target: Target) => string | Buffer;
  /** Permitted first statuses; the connection may also be closed without an answer. */
  readonly statuses: readonly number[];
  /** Expected number of answers. */
  readonly answers?: number;
  /** Never finished, so that it ends with the server's timeout; sent only once. */
  readonly isUnfinished?: true;
}

const REFUSED = [400, 401, 403, 404, 405, 408, 411, 413, 414, 415, 417, 421, 426, 431, 501, 505];

const lines = (...all: string[]): string => [...all, '', ''].join('\r\n');
const events = ({ prefix, id }: Target): string => `${prefix}/apps/${id}/events`;
const socketHead = (target: Target, headers: Record<string, string>): string =>
  upgradeText(socketPath(target), headers);

/** The beginning of a TLS 1.2 ClientHello: record, handshake and lengths are valid, the rest is padding. */
const TLS_HELLO = Buffer.concat([Buffer.from('16030100fa010000f60303', 'hex'), Buffer.alloc(244, 7)]);

const REQUESTS: readonly OddRequest[] = [
  {
    name: '100 requests in one write',
    bytes: () => lines('GET /up HTTP/1.1', 'Host: a').repeat(100),
    statuses: [200],
    answers: 100,
  },
  {
    name: 'a request followed by an upgrade in one write',
    bytes: (target) => `${lines('GET /up HTTP/1.1', 'Host: a')}${upgradeText(socketPath(target))}`,
    statuses: [200],
    answers: 2,
  },
  {
    name: 'Expect: 100-continue and no body',
    isUnfinished: true,
    bytes: (target) =>
      lines(`POST ${events(target)} HTTP/1.1`, 'Host: a', 'Expect: 100-continue', 'Content-Length: 100'),
    statuses: [100, ...REFUSED],
  },
  {
    name: 'an unknown expectation',
    bytes: (target) => lines(`GET ${events(target)} HTTP/1.1`, 'Host: a', 'Expect: the-unexpected'),
    statuses: REFUSED,
  },
  {
    name: 'chunks with extensions and trailers',
    bytes: (target) =>
      lines(
        `POST ${events(target)} HTTP/1.1`,
        'Host: a',
        'Content-Type: application/json',
        'Trailer: x',
        'Transfer-Encoding: chunked',
      ) +
      `${BODY.length.toString(16)};x="${'y'.repeat(1000)}"\r\n${BODY}\r\n0;z\r\nContent-Length: 5\r\nX: ${'t'.repeat(3000)}\r\n\r\n`,
    statuses: REFUSED,
  },
  {
    name: 'extensions of a chunk without end',
    isUnfinished: true,
    bytes: (target) =>
      `${lines(`POST ${events(target)} HTTP/1.1`, 'Host: a', 'Transfer-Encoding: chunked')}1;${'x=y;'.repeat(30_000)}`,
    statuses: REFUSED,
  },
  {
    name: 'a chunk of 2^63 bytes',
    isUnfinished: true,
    bytes: (target) =>
      `${lines(`POST ${events(target)} HTTP/1.1`, 'Host: a', 'Transfer-Encoding: chunked')}7fffffffffffffff\r\nx`,
    statuses: REFUSED,
  },
  {
    name: 'a length and chunks',
    bytes: (target) =>
      `${lines(`POST ${events(target)} HTTP/1.1`, 'Host: a', 'Content-Length: 4', 'Transfer-Encoding: chunked')}0\r\n\r\nGET /up HTTP/1.1\r\nHost: a\r\n\r\n`,
    statuses: REFUSED,
  },
  {
    name: 'two lengths',
    bytes: (target) =>
      `${lines(`POST ${events(target)} HTTP/1.1`, 'Host: a', 'Content-Length: 4', 'Content-Length: 5')}{}{}{}`,
    statuses: REFUSED,
  },
  {
    name: 'the preface of HTTP/2',
    bytes: () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0',
    statuses: REFUSED,
  },
  { name: 'a TLS hello on a plain port', bytes: () => TLS_HELLO, statuses: REFUSED },
  {
    name: 'an absolute target',
    bytes: () => lines('GET http://other.test/up HTTP/1.1', 'Host: a'),
    statuses: [200, ...REFUSED],
  },
  {
    name: 'CONNECT',
    bytes: () => lines('CONNECT 127.0.0.1:6379 HTTP/1.1', 'Host: 127.0.0.1:6379'),
    statuses: REFUSED,
  },
  {
    name: 'two Hosts',
    bytes: () => lines('GET /up HTTP/1.1', 'Host: a', 'Host: b'),
    statuses: [200, ...REFUSED],
  },
  { name: 'no Host', bytes: () => lines('GET /up HTTP/1.1'), statuses: [200, ...REFUSED] },
  { name: 'HTTP/0.9', bytes: () => 'GET /up\r\n\r\n', statuses: [200, ...REFUSED] },
  {
    name: 'a folded header line',
    bytes: () => lines('GET /up HTTP/1.1', 'Host: a', 'X: a', ' b'),
    statuses: [200, ...REFUSED],
  },
  {
    name: 'a NUL in a header line',
    bytes: () => lines('GET /up HTTP/1.1', 'Host: a', 'X: a\0b'),
    statuses: REFUSED,
  },
  {
    name: '4,000 header lines',
    bytes: () => lines('GET /up HTTP/1.1', 'Host: a', ...range(4000).map((at) => `h${at}:`)),
    statuses: REFUSED,
  },
  { name: 'a target of 60 kB', bytes: () => lines(`GET /${'a'.repeat(60_000)} HTTP/1.1`), statuses: REFUSED },
];

const UPGRADES: readonly OddRequest[] = [
  {
    name: 'subprotocols of 15 kB',
    bytes: (target) =>
      socketHead(target, {
        'Sec-WebSocket-Protocol': range(1500)
          .map((at) => `p${at}`)
          .join(', '),
      }),
    statuses: [101, ...REFUSED],
  },
  {
    name: 'subprotocols of 100 kB',
    bytes: (target) => socketHead(target, { 'Sec-WebSocket-Protocol': 'p, '.repeat(33_000) }),
    statuses: REFUSED,
  },
  {
    name: 'invalid subprotocols',
    bytes: (target) => socketHead(target, { 'Sec-WebSocket-Protocol': ',, a b,"' }),
    statuses: [101, ...REFUSED],
  },
  {
    name: 'the offer of compression a thousand times',
    bytes: (target) =>
      socketHead(target, {
        'Sec-WebSocket-Extensions': 'permessage-deflate; x="\\"", '.repeat(400).slice(0, -2),
      }),
    statuses: [101, ...REFUSED],
  },
  {
    name: 'invalid extensions',
    bytes: (target) => socketHead(target, { 'Sec-WebSocket-Extensions': ';;=,"' }),
    statuses: [101, ...REFUSED],
  },
  {
    name: 'an upgrade with a body',
    bytes: (target) => `${socketHead(target, { 'Content-Length': '5' })}hello`,
    statuses: [101, ...REFUSED],
  },
  {
    name: 'an upgrade followed by frames in one write',
    bytes: (target) => Buffer.concat([Buffer.from(upgradeText(socketPath(target))), pingFrame, pingFrame]),
    statuses: [101],
  },
  {
    name: 'an upgrade followed by an invalid frame in one write',
    bytes: (target) =>
      Buffer.concat([
        Buffer.from(upgradeText(socketPath(target))),
        frameBytes({ opcode: OPCODE.continuation }),
      ]),
    statuses: [101],
  },
  {
    name: 'an upgrade for another protocol with a body of frames',
    bytes: (target) =>
      `${upgradeText(socketPath(target), { Upgrade: 'h2c' })}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`,
    statuses: [200, ...REFUSED],
  },
];

const ODD: readonly OddRequest[] = [...REQUESTS, ...UPGRADES];
const FINISHED = ODD.filter(({ isUnfinished }) => isUnfinished !== true);

/** `count` connections with requests that no browser and no SDK sends; each is refused, served or closed. */
export const oddHttp = (count: number): Attack => ({
  name: `${count.toLocaleString('en-US')} odd requests and upgrades`,
  async run(target, random, faults) {
    for (let sent = 0; sent < count; sent += TOGETHER) {
      const some = range(Math.min(TOGETHER, count - sent)).map((at) => odd(sent + at, random));
      const results = await Promise.all(some.map((each) => exchange(target, each)));
      faults.push(...results.filter((fault) => fault !== undefined));
    }
    return undefined;
  },
});

/** Every request once, then random ones. */
const odd = (at: number, random: SeededRandom): OddRequest => ODD[at] ?? random.pick(FINISHED) ?? ODD[0]!;

async function exchange(
  target: Target,
  { name, bytes, statuses, answers = 1 }: OddRequest,
): Promise<string | undefined> {
  const tcp = await Tcp.open(target);
  try {
    tcp.write(bytes(target));
    const got = await statusesOf(tcp, answers);
    const [first] = got;
    if (first !== undefined && !statuses.includes(first)) return `${name}: ${first}`;
    if (got.length < answers && answers > 1) return `${name}: ${got.length} answers of ${answers}`;
    return undefined;
  } catch (error) {
    return `${name}: ${String(error)}`;
  } finally {
    tcp.destroy();
  }
}

/** Reads the statuses of `count` answers, or fewer if the connection ends. */
async function statusesOf(tcp: Tcp, count: number): Promise<number[]> {
  const until = Date.now() + TIMEOUT_MS;
  const found = (): number[] =>
    [...tcp.received.toString('latin1').matchAll(/HTTP\/1\.[01] (\d{3})/g)].map(([, status]) =>
      Number(status),
    );
  while (found().length < count && !tcp.isEnded) {
    if (Date.now() > until) throw new Error(`${found().length} answers and no end within ${TIMEOUT_MS} ms`);
    await sleep(5);
  }
  return found();
}
