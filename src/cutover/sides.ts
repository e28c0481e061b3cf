/** This server, and the upstream that clients and publishers are moved away from. */
export type Side = 'wavehall' | 'upstream';

export const SIDES = ['wavehall', 'upstream'] as const satisfies readonly Side[];

/** Names for log lines and reports, within a sentence. */
export const SIDE_NAMES: Readonly<Record<Side, string>> = {
  wavehall: 'Wavehall',
  upstream: 'the upstream',
};

export const otherSide = (side: Side): Side => (side === 'wavehall' ? 'upstream' : 'wavehall');
