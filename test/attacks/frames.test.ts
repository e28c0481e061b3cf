import { describe, expect, test } from 'vitest';
import { OPCODE, Tcp, frameBytes, textFrame, upgradeText } from '../support/wire-tcp.ts';
import type { RawFrame } from '../support/wire-tcp.ts';
import { attackedServer, range } from './attacked-server.ts';

const PING = '{"event":"pusher:ping","data":{}}';
/** The bytes 35 and 36 are one character. */
const ACCENTED = Buffer.from('{"event":"pusher:ping","data":{"":"é"}}');
const TEXT = OPCODE.text;
const MORE = OPCODE.continuation;
const NOT_UTF8 = Buffer.from([0x22, 0xce, 0xba, 0xe1, 0xbd, 0x22]);

/** Makes one message of these fragments. */
const fragments = (texts: readonly (string | Buffer)[]): RawFrame[] =>
  texts.map((payload, index) => ({
    opcode: index === 0 ? TEXT : MORE,
    payload,
    fin: index === texts.length - 1,
  }));

/** Splits a pusher:ping into `parts` fragments, some of them empty. */
const pingIn = (parts: number): RawFrame[] =>
  fragments(range(parts).map((index) => (index < parts - 1 ? (PING[index] ?? '') : PING.slice(parts - 1))));

const target = attackedServer();

/** Connects, sends the frames in one write, and returns the close code. */
const codeAfter = async (frames: readonly RawFrame[]): Promise<number> => {
  const tcp = await Tcp.upgraded(target.tools.app, target.tools.path);
  await tcp.message();
  tcp.write(Buffer.concat(frames.map(frameBytes)));
  const { code } = await tcp.closing();
  tcp.destroy();
  return code;
};

/** Connects, sends the frames in one write, and returns the event of the answer. */
const answerTo = async (frames: readonly RawFrame[]): Promise<unknown> => {
  const tcp = await Tcp.upgraded(target.tools.app, target.tools.path);
  await tcp.message();
  tcp.write(Buffer.concat(frames.map(frameBytes)));
  const { event } = await tcp.message();
  tcp.destroy();
  return event;
};

describe('frames that break RFC 6455', () => {
  test.each<[string, number, RawFrame[]]>([
    ['an unmasked frame', 1002, [{ opcode: TEXT, payload: PING, masked: false }]],
    ['RSV1 without compression', 1002, [{ opcode: TEXT, payload: PING, rsv: 4 }]],
    ['RSV2', 1002, [{ opcode: TEXT, payload: PING, rsv: 2 }]],
    ['RSV3', 1002, [{ opcode: TEXT, payload: PING, rsv: 1 }]],
    ['reserved opcode 3', 1002, [{ opcode: 3, payload: PING }]],
    ['reserved opcode 7', 1002, [{ opcode: 7, payload: PING }]],
    ['reserved opcode 11', 1002, [{ opcode: 11, payload: 'x' }]],
    ['reserved opcode 15', 1002, [{ opcode: 15, payload: 'x' }]],
    ['a continuation without a first frame', 1002, [{ opcode: MORE, payload: PING }]],
    [
      'a text frame inside a fragmented message',
      1002,
      [
        { opcode: TEXT, payload: '{', fin: false },
        { opcode: TEXT, payload: PING },
      ],
    ],
    ['a ping of 126 bytes', 1002, [{ opcode: OPCODE.ping, payload: 'x'.repeat(126) }]],
    ['a fragmented ping', 1002, [{ opcode: OPCODE.ping, payload: 'x', fin: false }]],
    ['a close with code 1005', 1002, [{ opcode: OPCODE.close, payload: Buffer.from([0x03, 0xed]) }]],
    ['a close with code 999', 1002, [{ opcode: OPCODE.close, payload: Buffer.from([0x03, 0xe7]) }]],
    ['a close of one byte', 1002, [{ opcode: OPCODE.close, payload: 'x' }]],
    [
      'a close whose reason is not UTF-8',
      1007,
      [{ opcode: OPCODE.close, payload: Buffer.from([0x03, 0xe8, 0xff]) }],
    ],
    ['text that is not UTF-8', 1007, [{ opcode: TEXT, payload: NOT_UTF8 }]],
    [
      'text that is not UTF-8, split in the middle of a character',
      1007,
      [
        { opcode: TEXT, payload: NOT_UTF8.subarray(0, 2), fin: false },
        { opcode: MORE, payload: NOT_UTF8.subarray(2) },
      ],
    ],
    ['10 001 bytes', 1009, [{ opcode: TEXT, payload: 'x'.repeat(10_001) }]],
    ['10 001 bytes in three fragments', 1009, fragments(['x'.repeat(5_000), 'x'.repeat(5_000), 'x'])],
    ['10 001 bytes announced, none sent', 1009, [{ opcode: TEXT, claimedLength: 10_001n }]],
    ['2^53 bytes announced', 1009, [{ opcode: TEXT, claimedLength: 2n ** 53n }]],
    ['2^63 bytes announced', 1009, [{ opcode: TEXT, claimedLength: 2n ** 63n }]],
    ['65 fragments', 1008, pingIn(65)],
    ['70 empty fragments', 1008, fragments(range(70).map(() => ''))],
  ])('2.11 %s: close %i', async (_what, code, frames) => {
    expect(await codeAfter(frames)).toBe(code);
  });
});

describe('valid frames at the limits', () => {
  test.each<[string, RawFrame[]]>([
    ['64 fragments', pingIn(64)],
    [
      'a message split in the middle of a character',
      fragments([ACCENTED.subarray(0, 36), ACCENTED.subarray(36)]),
    ],
    ['a binary frame of valid UTF-8', [{ opcode: OPCODE.binary, payload: PING }]],
    ['a length written in 8 bytes though it is short', [{ opcode: TEXT, payload: PING.padEnd(130, ' ') }]],
    [
      'a control ping between two fragments',
      [
        { opcode: TEXT, payload: PING.slice(0, 5), fin: false },
        { opcode: OPCODE.ping, payload: 'x' },
        { opcode: MORE, payload: PING.slice(5) },
      ],
    ],
    [
      'an unsolicited control pong',
      [
        { opcode: OPCODE.pong, payload: 'x' },
        { opcode: TEXT, payload: PING },
      ],
    ],
  ])('2.11 %s is answered', async (_what, frames) => {
    expect(await answerTo(frames)).toBe('pusher:pong');
  });

  test('1.7 answers a binary frame that is not UTF-8 with error 4200', async () => {
    expect(await answerTo([{ opcode: OPCODE.binary, payload: NOT_UTF8 }])).toBe('pusher:error');
  });

  test('2.11 answers a message that arrives byte by byte', async () => {
    const tcp = await Tcp.upgraded(target.tools.app, target.tools.path);
    await tcp.message();
    for (const byte of textFrame(PING)) {
      tcp.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    expect((await tcp.message()).event).toBe('pusher:pong');
    tcp.destroy();
  });

  test('2.9 a close frame without a code is answered, and the connection ends', async () => {
    const tcp = await Tcp.upgraded(target.tools.app, target.tools.path);
    await tcp.message();
    tcp.write(frameBytes({ opcode: OPCODE.close }));
    await tcp.closing();
    await tcp.end();
  });
});

describe('handshakes', () => {
  const statusOf = async (head: string): Promise<number> => {
    const tcp = await Tcp.open(target.tools.app);
    tcp.write(head);
    const answer = await tcp.head();
    tcp.destroy();
    return Number(answer.split(' ')[1]);
  };
  const withHeaders = (headers: Record<string, string | undefined>) =>
    statusOf(upgradeText(target.tools.path, headers));

  test.each<[string, number, Record<string, string | undefined>]>([
    ['a wrong version', 400, { 'Sec-WebSocket-Version': '12' }],
    ['no version', 400, { 'Sec-WebSocket-Version': undefined }],
    ['no key', 400, { 'Sec-WebSocket-Key': undefined }],
    ['a short key', 400, { 'Sec-WebSocket-Key': 'AAAA' }],
    ['a key that is not base64', 400, { 'Sec-WebSocket-Key': '!'.repeat(24) }],
    ['an empty subprotocol', 400, { 'Sec-WebSocket-Protocol': 'a,,b' }],
    ['8 000 spaces in the subprotocols', 400, { 'Sec-WebSocket-Protocol': `a,${' '.repeat(8_000)}b,` }],
    ['a header of 20 kB', 431, { 'X-Long': 'x'.repeat(20_000) }],
    ['an extension called constructor', 101, { 'Sec-WebSocket-Extensions': 'constructor; __proto__=1' }],
    ['a header called __proto__', 101, { ['__proto__']: '1' }],
  ])('2.1 %s: HTTP %i', async (_what, status, headers) => {
    expect(await withHeaders(headers)).toBe(status);
  });

  test('2.1 accepts a handshake with 2,100 headers or refuses it', async () => {
    const many = Object.fromEntries(range(2_100).map((index) => [`X${index}`, '']));
    expect([101, 431]).toContain(await withHeaders(many));
  });

  test.each(['POST', 'PUT', 'HEAD', 'OPTIONS'])('2.1 refuses an upgrade by %s', async (method) => {
    const status = await statusOf(
      upgradeText(target.tools.path, {}, `${method} ${target.tools.path} HTTP/1.1`),
    );
    expect(status).toBe(405);
  });

  test('2.1 does not upgrade HTTP/1.0', async () => {
    const status = await statusOf(upgradeText(target.tools.path, {}, `GET ${target.tools.path} HTTP/1.0`));
    expect([101, 400, 426]).toContain(status);
  });
});
