import { createDecipheriv, createHmac } from 'node:crypto';
import { equalHex, parseJsonObject } from '#protocol';

/** Bytes of Laravel's keys, with the ciphers that they are for. */
const CIPHERS: Readonly<
  Record<number, readonly ['aes-128-cbc' | 'aes-256-cbc', 'aes-128-gcm' | 'aes-256-gcm']>
> = {
  16: ['aes-128-cbc', 'aes-128-gcm'],
  32: ['aes-256-cbc', 'aes-256-gcm'],
};
const TAG_BYTES = 16;
/** More than any session's cookie has. */
const MAX_COOKIE_CHARACTERS = 4096;

/** Reads `APP_KEY` as Laravel does: `base64:` and the bytes, or the bytes as text. `undefined` when it is no key. */
export function laravelKey(text: string): Buffer | undefined {
  const key = text.startsWith('base64:') ? Buffer.from(text.slice(7), 'base64') : Buffer.from(text);
  return key.length in CIPHERS ? key : undefined;
}

/** Reads cookies that Laravel's `EncryptCookies` has encrypted, with the present key of the app or an earlier one. */
export class LaravelCookies {
  readonly #keys: readonly Buffer[];
  /** By name of a cookie, which the settings name: what its value begins with, by each key. */
  readonly #prefixes = new Map<string, readonly string[]>();

  constructor(keys: readonly Buffer[]) {
    this.#keys = keys;
  }

  /** The value inside a cookie; `undefined` when it was not encrypted for this name with one of the keys. */
  read(name: string, cookie: string): string | undefined {
    if (cookie.length > MAX_COOKIE_CHARACTERS) return undefined;
    const payload = payloadIn(cookie);
    if (payload === undefined) return undefined;
    const prefixes = this.#prefixesOf(name);
    for (const [at, key] of this.#keys.entries()) {
      const [value, prefix] = [decrypt(payload, key), prefixes[at] as string];
      if (value?.startsWith(prefix) === true) return value.slice(prefix.length);
    }
    return undefined;
  }

  #prefixesOf(name: string): readonly string[] {
    const known = this.#prefixes.get(name) ?? this.#keys.map((key) => prefixOf(name, key));
    this.#prefixes.set(name, known);
    return known;
  }
}

/** Laravel begins the value of a cookie with a digest of its name, so that none passes as another. */
const prefixOf = (name: string, key: Buffer): string =>
  `${createHmac('sha1', key).update(`${name}v2`).digest('hex')}|`;

interface Payload {
  readonly iv: string;
  readonly value: string;
  readonly mac: string;
  readonly tag: string;
}

function payloadIn(cookie: string): Payload | undefined {
  const json = parseJsonObject(Buffer.from(percentDecoded(cookie), 'base64').toString());
  if (json === undefined) return undefined;
  const { iv, value, mac = '', tag = '' } = json;
  const isPayload = [iv, value, mac, tag].every((each) => typeof each === 'string');
  return isPayload ? ({ iv, value, mac, tag } as Payload) : undefined;
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

function decrypt({ iv, value, mac, tag }: Payload, key: Buffer): string | undefined {
  const [cbc, gcm] = CIPHERS[key.length] ?? [];
  if (cbc === undefined || gcm === undefined) return undefined;
  const nonce = Buffer.from(iv, 'base64');
  try {
    if (tag !== '') return openedGcm(gcm, key, nonce, value, Buffer.from(tag, 'base64'));
    if (
      !equalHex(
        createHmac('sha256', key)
          .update(iv + value)
          .digest('hex'),
        mac,
      )
    )
      return undefined;
    const decipher = createDecipheriv(cbc, key, nonce);
    return Buffer.concat([decipher.update(value, 'base64'), decipher.final()]).toString();
  } catch {
    return undefined;
  }
}

function openedGcm(
  cipher: 'aes-128-gcm' | 'aes-256-gcm',
  key: Buffer,
  nonce: Buffer,
  value: string,
  tag: Buffer,
): string | undefined {
  if (tag.length !== TAG_BYTES) return undefined;
  const decipher = createDecipheriv(cipher, key, nonce);
  decipher.setAuthTag(tag);
  return Buffer.concat([decipher.update(value, 'base64'), decipher.final()]).toString();
}
