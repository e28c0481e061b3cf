import type { ChannelEvent } from '../../../core/ports/events.ts';

const [SPACE, NEWLINE, ZERO, ONE, NINE, DASH, DOT] = [32, 10, 48, 49, 57, 45, 46];
const LONGEST_LENGTH = 9;
const LONGEST_EXCEPT = 40;

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= ZERO && byte <= NINE;

/** Decodes events as `encodeEvent` encodes them, one after another: `length flag except`, a newline, the payload. */
export class EventDecoder {
  readonly #bytes: Buffer;
  #at = 0;
  /** Socket id of the event before. Events in a row often have the same one: comparing bytes saves decoding it again. */
  #except = '';

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Decodes strictly: `undefined` when the next bytes are not exactly an event. */
  next(): ChannelEvent | undefined {
    const length = this.#readLength();
    const flag = this.#bytes[this.#at];
    this.#at += 2;
    if (length === undefined || (flag !== ZERO && flag !== ONE) || this.#bytes[this.#at - 1] !== SPACE)
      return undefined;
    const except = this.#readExcept();
    const end = this.#at + length;
    if (except === undefined || end > this.#bytes.length) return undefined;
    const payload = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end;
    const socketId = except === '-' ? undefined : except;
    return flag === ONE ? { payload, except: socketId, bestEffort: true } : { payload, except: socketId };
  }

  #readLength(): number | undefined {
    const begin = this.#at;
    let length = 0;
    while (isDigit(this.#bytes[this.#at])) length = length * 10 + (this.#bytes[this.#at++] as number) - ZERO;
    const digits = this.#at - begin;
    const isWhole = digits > 0 && digits <= LONGEST_LENGTH && this.#bytes[this.#at++] === SPACE;
    return isWhole ? length : undefined;
  }

  #readExcept(): string | undefined {
    if (this.#skipSameExcept()) return this.#except;
    const begin = this.#at;
    if (this.#bytes[begin] === DASH) this.#at += 1;
    else while (isDigit(this.#bytes[this.#at]) || this.#bytes[this.#at] === DOT) this.#at += 1;
    const end = this.#at++;
    if (end === begin || end - begin > LONGEST_EXCEPT || this.#bytes[end] !== NEWLINE) return undefined;
    return (this.#except = this.#bytes.toString('latin1', begin, end));
  }

  #skipSameExcept(): boolean {
    const { length } = this.#except;
    if (length === 0 || this.#bytes[this.#at + length] !== NEWLINE) return false;
    for (let at = 0; at < length; at += 1)
      if (this.#bytes[this.#at + at] !== this.#except.charCodeAt(at)) return false;
    this.#at += length + 1;
    return true;
  }
}
