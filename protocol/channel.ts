import { bytesOf, exceeds } from './limits.ts';

/** 3.1 — what a channel can do; its name alone decides. */
export interface ChannelKind {
  /** The prefix in words; `public` without one. */
  readonly name: ChannelKindName;
  /** Subscribing needs a signature (3.5). */
  readonly signed: boolean;
  /** Has a roster and sends member changes (4). */
  readonly members: boolean;
  /** New subscribers get the last published event (3.10). */
  readonly cached: boolean;
  /** Data is ciphertext which the server passes on untouched (7.7). */
  readonly encrypted: boolean;
  /** Subscribers may send client events (5.2). */
  readonly clientEvents: boolean;
}

export type ChannelKindName =
  | 'public'
  | 'private'
  | 'presence'
  | 'cache'
  | 'private_cache'
  | 'presence_cache'
  | 'private_encrypted'
  | 'private_encrypted_cache';

type Trait = Exclude<keyof ChannelKind, 'name'>;

const kind = (name: ChannelKindName, ...traits: readonly Trait[]): ChannelKind => ({
  name,
  signed: traits.includes('signed'),
  members: traits.includes('members'),
  cached: traits.includes('cached'),
  encrypted: traits.includes('encrypted'),
  clientEvents: traits.includes('clientEvents'),
});

const PUBLIC = kind('public');

const KINDS: readonly (readonly [prefix: string, kind: ChannelKind])[] = [
  ['private-encrypted-cache-', kind('private_encrypted_cache', 'signed', 'cached', 'encrypted')],
  ['private-encrypted-', kind('private_encrypted', 'signed', 'encrypted')],
  ['presence-cache-', kind('presence_cache', 'signed', 'members', 'cached', 'clientEvents')],
  ['private-cache-', kind('private_cache', 'signed', 'cached', 'clientEvents')],
  ['presence-', kind('presence', 'signed', 'members', 'clientEvents')],
  ['private-', kind('private', 'signed', 'clientEvents')],
  ['cache-', kind('cache', 'cached')],
];

/** 3.1 — the longest matching prefix decides, dash included; everything else is public. */
export function kindOf(name: string): ChannelKind {
  for (const [prefix, kind] of KINDS) if (name.startsWith(prefix)) return kind;
  return PUBLIC;
}

/** Never part of a name, whatever the operator allows: they would make signed strings ambiguous (7.2). */
const FORBIDDEN = /[\p{Cc}"{}]/gu;
const patterns = new Map<string, RegExp>();

function patternWith(extraCharacters: string): RegExp {
  const known = patterns.get(extraCharacters);
  if (known) return known;
  const extra = extraCharacters.replace(FORBIDDEN, '').replace(/[\\\]^-]/g, '\\$&');
  const pattern = new RegExp(`^#?[-a-zA-Z0-9_=@,.;${extra}]+$`, 'u');
  patterns.set(extraCharacters, pattern);
  return pattern;
}

/** 3.2 — the length is looked at first, then one linear expression. Without extra characters each character is one byte. */
export function isChannelName(name: string, maxBytes: number, extraCharacters = ''): boolean {
  if (exceeds(name.length, maxBytes) || !patternWith(extraCharacters).test(name)) return false;
  return extraCharacters === '' || !exceeds(bytesOf(name), maxBytes);
}

/** 1.8 — the server's own channels. */
export const isReservedChannel = (name: string): boolean => name.startsWith('#');

export const SERVER_TO_USER_PREFIX = '#server-to-user-';

/** 6.4 — the user of a `#server-to-user-` channel, `undefined` for every other channel. */
export function userOfChannel(name: string): string | undefined {
  if (!name.startsWith(SERVER_TO_USER_PREFIX)) return undefined;
  return name.slice(SERVER_TO_USER_PREFIX.length) || undefined;
}
