import type { Side } from './ports.ts';

export const SIDES = ['wavehall', 'upstream'] as const;

/** Names for log lines and reports, within a sentence. */
export const SIDE_NAMES: Readonly<Record<Side, string>> = {
  wavehall: 'Wavehall',
  upstream: 'the upstream',
};

export const otherSide = (side: Side): Side => (side === 'wavehall' ? 'upstream' : 'wavehall');
