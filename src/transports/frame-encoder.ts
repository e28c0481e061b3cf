import type { FrameEncoder } from '../core/ports/transport.ts';

const FINAL_TEXT = 0x81;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** One unmasked, final text frame (RFC 6455, 5.2). The payload is the server's own text, so it is valid UTF-8. */
function textFrame(payload: string): Buffer {
  const length = Buffer.byteLength(payload);
  const header = length < LENGTH_16 ? 2 : length < 0x10000 ? 4 : 10;
  const bytes = Buffer.allocUnsafe(header + length);
  bytes[0] = FINAL_TEXT;
  if (header === 2) bytes[1] = length;
  else if (header === 4) {
    bytes[1] = LENGTH_16;
    bytes[2] = length >> 8;
    bytes[3] = length & 0xff;
  } else {
    bytes[1] = LENGTH_64;
    bytes.writeBigUInt64BE(BigInt(length), 2);
  }
  // As many bytes as characters: the text is ASCII, and latin1 copies it without checking each character.
  bytes.write(payload, header, length === payload.length ? 'latin1' : 'utf8');
  return bytes;
}

function payloadsIn(bytes: Buffer): readonly string[] {
  const payloads: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const short = bytes.readUInt8(at + 1);
    const header = short < LENGTH_16 ? 2 : short === LENGTH_16 ? 4 : 10;
    const from = at + header;
    const length =
      header === 2
        ? short
        : header === 4
          ? bytes.readUInt16BE(at + 2)
          : Number(bytes.readBigUInt64BE(at + 2));
    at = from + length;
    payloads.push(bytes.toString('utf8', from, at));
  }
  return payloads;
}

export const webSocketEncoder: FrameEncoder = { encode: textFrame, payloads: payloadsIn };
