import type { ScriptName } from './script-names.ts';

/** The kinds of keys that `mend.lua` knows. */
export type KeyKind =
  'hash' | 'set' | 'zset' | 'list' | 'string' | 'number' | 'numbers' | 'position' | 'generation';

/** The keys of each script, in their order. */
const KINDS: Readonly<Partial<Record<ScriptName, readonly KeyKind[]>>> = {
  attach: ['generation', 'zset'],
  beat: ['generation', 'zset'],
  assert: ['generation', 'zset', 'set', 'numbers', 'set', 'numbers', 'hash', 'number', 'set'],
  bury: ['generation', 'zset', 'set'],
  since: ['list', 'position', 'numbers'],
  snapshot: ['generation', 'number', 'hash', 'numbers', 'numbers'],
  channels: ['set'],
  connect: ['zset', 'numbers'],
  identify: ['hash'],
  verify: ['set', 'numbers', 'set', 'numbers', 'hash', 'number', 'set'],
  quieten: ['generation'],
  orphans: ['set', 'zset'],
  replay: ['zset'],
};

/** Empty for `publish`, which mends its keys itself: done twice it would publish twice. */
export const kindsOf = (name: ScriptName): readonly KeyKind[] => KINDS[name] ?? [];
