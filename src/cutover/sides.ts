/** This server, and the upstream that clients and publishers are moved away from. */
export const SIDES = ['wavehall', 'upstream'] as const;
export type Side = (typeof SIDES)[number];

/** Names for log lines and reports, within a sentence. */
export const SIDE_NAMES: Readonly<Record<Side, string>> = {
  wavehall: 'Wavehall',
  upstream: 'the upstream',
};

export const otherSide = (side: Side): Side => (side === 'wavehall' ? 'upstream' : 'wavehall');
