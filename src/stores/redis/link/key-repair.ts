import type { ScriptName } from './script-names.ts';

/** The kinds of keys that `mend.lua` knows. */
export type KeyKind =
  | 'hash'
  | 'set'
  | 'zset'
  | 'leases'
  | 'list'
  | 'string'
  | 'event'
  | 'version'
  | 'numbers'
  | 'sizes'
  | 'position'
  | 'generation';

/** The keys of each script, in their order. */
const KINDS: Readonly<Partial<Record<ScriptName, readonly KeyKind[]>>> = {
  attach: ['generation', 'leases'],
  beat: ['generation', 'leases'],
  assert: ['generation', 'leases', 'set', 'numbers', 'set', 'numbers', 'hash', 'version', 'set'],
  bury: ['generation', 'leases', 'set'],
  since: ['list', 'position', 'sizes'],
  snapshot: ['generation', 'version', 'hash', 'numbers', 'numbers'],
  channels: ['set'],
  connect: ['leases', 'numbers'],
  identify: ['hash'],
  verify: ['set', 'numbers', 'set', 'numbers', 'hash', 'version', 'set'],
  quieten: ['generation'],
  orphans: ['set', 'leases'],
  replay: ['zset'],
};

/** Empty for `publish`, which mends its keys itself: done twice it would publish twice. */
export const kindsOf = (name: ScriptName): readonly KeyKind[] => KINDS[name] ?? [];
