import { frameBytes, OPCODE, type Tcp } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';
import { connectHostileClient, range } from '../hostile-client.ts';
import type { Target } from '../target.ts';

const TOGETHER = 20;
const CLOSE_MS = 20_000;
/** Another server may accept frames that Wavehall refuses. */
const OTHER_SERVER_CLOSE_MS = 1_000;

const close = (code: number, reason = ''): Buffer => {
  const payload = Buffer.alloc(2 + reason.length);
  payload.writeUInt16BE(code);
  payload.write(reason, 2, 'latin1');
  return frameBytes({ opcode: OPCODE.close, payload });
};

/** Frames that end a connection, with the permitted close codes; 1006: no close frame. */
const INVALID: Readonly<Record<string, readonly [bytes: Buffer, ...codes: number[]]>> = {
  'a continuation of nothing': [frameBytes({ opcode: OPCODE.continuation, payload: 'x' }), 1002],
  'a message within a message': [
    Buffer.concat(range(2).map(() => frameBytes({ opcode: OPCODE.text, fin: false, payload: 'x' }))),
    1002,
  ],
  'a compressed frame that was not agreed on': [
    frameBytes({ opcode: OPCODE.text, rsv: 4, payload: Buffer.from('aa564a2d4bcd2b5102', 'hex') }),
    1002,
  ],
  'a compressed ping': [frameBytes({ opcode: OPCODE.ping, rsv: 4 }), 1002],
  'a ping of 126 bytes': [frameBytes({ opcode: OPCODE.ping, payload: 'p'.repeat(126) }), 1002],
  'a ping in parts': [frameBytes({ opcode: OPCODE.ping, fin: false }), 1002],
  'a frame without a mask': [frameBytes({ opcode: OPCODE.text, masked: false, payload: '{}' }), 1002],
  'a frame of 2^63 bytes': [frameBytes({ opcode: OPCODE.text, claimedLength: 1n << 63n }), 1002, 1009],
  'a frame of 2^40 bytes': [frameBytes({ opcode: OPCODE.binary, claimedLength: 1n << 40n }), 1009],
  'a message in 65 parts': [
    Buffer.concat(
      range(65).map((at) => frameBytes({ opcode: at === 0 ? OPCODE.text : 0, fin: false, payload: 'x' })),
    ),
    1008,
  ],
  'a message in 30,000 empty parts': [
    Buffer.concat(range(30_000).map((at) => frameBytes({ opcode: at === 0 ? OPCODE.text : 0, fin: false }))),
    1008,
  ],
  'text that is no UTF-8': [frameBytes({ opcode: OPCODE.text, payload: Buffer.from([0xc3, 0x28]) }), 1007],
  'a close frame of one byte': [frameBytes({ opcode: OPCODE.close, payload: 'x' }), 1002],
  'a close frame with a reason that is no UTF-8': [close(1000, '\xff\xfe'), 1007],
  'a close frame with 1005': [close(1005), 1002],
  'a close frame with 65535': [close(65_535), 1002],
  'two close frames, and messages behind them': [
    Buffer.concat([close(4999, 'bye'), close(1000), frameBytes({ opcode: OPCODE.text, payload: '{}' })]),
    4999,
  ],
  'an opcode that does not exist': [frameBytes({ opcode: 0xb }), 1002],
};

/** Incomplete frames, which are not answered. */
const UNFINISHED: readonly Buffer[] = [
  close(1000, 'x'.repeat(100)).subarray(0, 9),
  frameBytes({ opcode: OPCODE.ping, payload: 'p'.repeat(125) }).subarray(0, 60),
  frameBytes({ opcode: OPCODE.text, payload: 'x'.repeat(9000) }).subarray(0, 8000),
  frameBytes({ opcode: OPCODE.text, fin: false, payload: 'x'.repeat(9000) }),
  frameBytes({ opcode: OPCODE.text, payload: 'x'.repeat(9000) }).subarray(0, 3),
];

/** `count` connected clients send every kind of invalid frame and are closed with its code; as many never finish a frame and disconnect. */
export const brokenFrames = (count: number): Attack => ({
  name: `${count.toLocaleString('en-US')} clients that send invalid or unfinished frames`,
  async run(target, _chance, faults) {
    const kinds = Object.entries(INVALID);
    for (let at = 0; at < count; at += TOGETHER) {
      const some = range(Math.min(TOGETHER, count - at)).map((each) => kinds[(at + each) % kinds.length]!);
      const results = await Promise.all(
        some.map(([name, [bytes, ...codes]]) => sendInvalid(target, name, bytes, codes)),
      );
      faults.push(...results.filter((fault) => fault !== undefined));
      await sendUnfinished(target, at, some.length);
    }
    return undefined;
  },
});

async function sendInvalid(
  target: Target,
  name: string,
  bytes: Buffer,
  codes: readonly number[],
): Promise<string | undefined> {
  const { tcp } = await connectHostileClient(target);
  tcp.write(bytes);
  const ending = await tcp
    .closing(target.isOtherServer === true ? OTHER_SERVER_CLOSE_MS : CLOSE_MS)
    .catch((error: unknown) => String(error));
  tcp.destroy();
  if (typeof ending !== 'string' && codes.includes(ending.code)) return undefined;
  return `${name}: ${typeof ending === 'string' ? ending : ending.code}, not ${codes.join(' or ')}`;
}

/** Sends unfinished frames and disconnects without a close frame. */
async function sendUnfinished(target: Target, from: number, count: number): Promise<void> {
  const clients = await Promise.all(range(count).map(() => connectHostileClient(target)));
  clients.forEach(({ tcp }, at) => tcp.write(UNFINISHED[(from + at) % UNFINISHED.length]!));
  await Promise.all(clients.map(({ tcp }) => flushed(tcp)));
  clients.forEach(({ tcp }, at) => (at % 2 === 0 ? tcp.destroy() : tcp.reset()));
}

const flushed = (tcp: Tcp): Promise<void> =>
  new Promise((resolve) => tcp.socket.write(Buffer.alloc(0), () => resolve()));
