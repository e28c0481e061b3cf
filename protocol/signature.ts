import { hash, timingSafeEqual } from 'node:crypto';
import { isChannelName } from './channel.ts';

/** 7.6 — an app has one or several; the first one signs, every one verifies. */
export interface Credential {
  readonly key: string;
  readonly secret: string;
}

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
/** Secrets whose blocks are kept; a server has a few. */
const KEPT_SECRETS = 1000;

/** The two blocks that HMAC puts before what it hashes (RFC 2104); behind the outer one is room for the inner hash. */
interface Blocks {
  readonly inner: Buffer;
  readonly outer: Buffer;
}

const blocks = new Map<string, Blocks>();

function makeBlocks(secret: string): Blocks {
  const bytes = Buffer.from(secret);
  const key = bytes.length > BLOCK_BYTES ? Buffer.from(hash('sha256', bytes, 'hex'), 'hex') : bytes;
  const block = (mask: number, room: number): Buffer => {
    const masked = Buffer.alloc(BLOCK_BYTES, mask).map((byte, at) => byte ^ (key[at] ?? 0));
    return Buffer.concat([masked, Buffer.alloc(room)]);
  };
  return { inner: block(0x36, 0), outer: block(0x5c, DIGEST_BYTES) };
}

function blocksOf(secret: string): Blocks {
  const known = blocks.get(secret);
  if (known !== undefined) return known;
  if (blocks.size >= KEPT_SECRETS) blocks.clear();
  const made = makeBlocks(secret);
  blocks.set(secret, made);
  return made;
}

/** 7.1 — HMAC-SHA256 in lower-case hex, of two hashes: one `Hmac` of the library for each text costs twice as much. */
export function hmacHex(secret: string, text: string | Uint8Array): string {
  const { inner, outer } = blocksOf(secret);
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  outer.write(hash('sha256', Buffer.concat([inner, bytes]), 'hex'), BLOCK_BYTES, 'hex');
  return hash('sha256', outer, 'hex');
}

/** 7.4 — MD5 of the raw bytes in lower-case hex. */
export const md5Hex = (bytes: string | Uint8Array): string => hash('md5', bytes, 'hex');

/** 7.1 — takes equally long wherever the difference is; anything but exactly `expected` is false. */
export function equalHex(expected: string, given: unknown): boolean {
  if (typeof given !== 'string') return false;
  const [ours, theirs] = [Buffer.from(expected), Buffer.from(given)];
  return ours.length === theirs.length && timingSafeEqual(ours, theirs);
}

/** 7.2 — `channelData` counts when it is not empty, byte for byte as it was received. */
export const channelText = (socketId: string, channel: string, channelData = ''): string =>
  channelData === '' ? `${socketId}:${channel}` : `${socketId}:${channel}:${channelData}`;

/** 7.3 */
export const userText = (socketId: string, userData: string): string => `${socketId}::user::${userData}`;

/** Half a character has the bytes of U+FFFD, so a signature over one text would fit many. */
const HALF_CHARACTER = /\p{Surrogate}/u;

/** 7.2, 7.6 — everything behind the first colon is the signature; only `strictKey` looks at what is before. */
function verifyAuth(
  credentials: readonly Credential[],
  auth: string | undefined,
  text: string,
  strictKey: boolean,
): boolean {
  const colon = auth?.indexOf(':') ?? -1;
  if (auth === undefined || colon < 0 || HALF_CHARACTER.test(text)) return false;
  const key = auth.slice(0, colon);
  const signature = auth.slice(colon + 1);
  return credentials
    .filter((credential) => !strictKey || credential.key === key)
    .some((credential) => equalHex(hmacHex(credential.secret, text), signature));
}

export interface ChannelAuth {
  readonly socketId: string;
  readonly channel: string;
  readonly auth: string | undefined;
  readonly channelData?: string | undefined;
  /** 3.2 — as for channel names; not said: names may have any, colons too. */
  readonly extraCharacters?: string | undefined;
}

/**
 * 3.5, 7.2 — `channelData` is any text on channels without members. Where names may have colons, a signature for `private-a:b` would also be one
 * for `private-a` with the data `b`: what is a name together with its channel is not taken as data.
 */
export function verifyChannelAuth(
  credentials: readonly Credential[],
  { socketId, channel, auth, channelData = '', extraCharacters = ':' }: ChannelAuth,
  strictKey: boolean,
): boolean {
  if (channelData !== '' && isChannelName(`${channel}:${channelData}`, 0, extraCharacters)) return false;
  return verifyAuth(credentials, auth, channelText(socketId, channel, channelData), strictKey);
}

export interface UserAuth {
  readonly socketId: string;
  readonly auth: string | undefined;
  readonly userData: string;
}

/** 6.1, 7.3 */
export const verifyUserAuth = (
  credentials: readonly Credential[],
  { socketId, auth, userData }: UserAuth,
  strictKey: boolean,
): boolean => verifyAuth(credentials, auth, userText(socketId, userData), strictKey);

const sign = ({ key, secret }: Credential, text: string): string => `${key}:${hmacHex(secret, text)}`;

/** 7.2 — the `auth` of a subscription. */
export const signChannel = (
  credential: Credential,
  socketId: string,
  channel: string,
  channelData?: string,
): string => sign(credential, channelText(socketId, channel, channelData));

/** 7.3 — the `auth` of a sign-in. */
export const signUser = (credential: Credential, socketId: string, userData: string): string =>
  sign(credential, userText(socketId, userData));

/** 7.4 — names are lower-case already; the order is that of their characters. */
export function canonicalText(method: string, path: string, query: ReadonlyMap<string, string>): string {
  const names = [...query.keys()].sort();
  const pairs = names.map((name) => `${name}=${query.get(name) ?? ''}`).join('&');
  return `${method.toUpperCase()}\n${path}\n${pairs}`;
}

export interface HttpToSign {
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | Uint8Array | undefined;
  readonly timestampSeconds: number;
}

/** 7.4, 8.2 — the whole query string of a signed request, ready to stand behind `?`. */
export function signHttp({ key, secret }: Credential, request: HttpToSign): string {
  const { method, path, query = {}, body = '', timestampSeconds } = request;
  const named = Object.entries(query).map(([name, value]) => [name.toLowerCase(), value] as const);
  const signed = new Map<string, string>([
    ...named,
    ['auth_key', key],
    ['auth_timestamp', String(timestampSeconds)],
    ['auth_version', '1.0'],
    ...(body.length > 0 ? [['body_md5', md5Hex(body)] as const] : []),
  ]);
  const signature = hmacHex(secret, canonicalText(method, path, signed));
  return [...signed, ['auth_signature', signature] as const]
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');
}
