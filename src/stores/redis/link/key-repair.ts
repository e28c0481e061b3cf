import type { ScriptName } from './script-names.ts';

/** Kinds of keys that `repair-keys.lua` can check. */
export type KeyKind =
  | 'hash'
  | 'set'
  | 'zset'
  | 'leases'
  | 'list'
  | 'stream'
  | 'string'
  | 'event'
  | 'version'
  | 'numbers'
  | 'sizes'
  | 'position'
  | 'generation';

/** Kinds of the keys of each script, in their order. */
const KINDS_OF_SCRIPT: Readonly<Partial<Record<ScriptName, readonly KeyKind[]>>> = {
  attach: ['generation', 'leases'],
  'renew-lease': ['generation', 'leases'],
  'sync-channel': [
    ...(['generation', 'leases', 'set', 'numbers', 'set', 'numbers', 'hash', 'version', 'set'] as const),
    ...(['stream', 'zset', 'hash'] as const),
  ],
  'clean-up-node': ['generation', 'leases', 'set', 'hash'],
  'add-events': ['stream', 'hash'],
  'poll-outbox': ['stream', 'zset', 'hash', 'string', 'zset', 'stream', 'hash', 'generation'],
  'take-events': ['stream', 'hash', 'string'],
  'finish-events': ['stream', 'hash', 'stream'],
  'replay-events': ['stream', 'hash', 'stream'],
  'count-events': ['stream'],
  'history-after': ['list', 'position', 'sizes', 'generation'],
  'read-roster': ['generation', 'version', 'hash', 'numbers', 'numbers'],
  'occupied-channels': ['set'],
  'count-connections': ['leases', 'numbers'],
  'resolve-scopes': ['hash'],
  'verify-channel': ['set', 'numbers', 'set', 'numbers', 'hash', 'version', 'set'],
  'start-settling': ['generation'],
  'find-orphans': ['set', 'leases'],
  'take-signature': ['zset'],
  'find-decision': ['hash', 'zset'],
  'keep-decision': ['hash', 'zset'],
  'forget-decisions': ['zset'],
  'take-tokens': ['string', 'leases'],
  'claim-key': ['zset', 'hash'],
  'keep-answer': ['hash'],
};

/** Empty for `publish` and `publish-once`, which repair their keys themselves: a second run would publish twice. */
export const kindsOf = (name: ScriptName): readonly KeyKind[] => KINDS_OF_SCRIPT[name] ?? [];
