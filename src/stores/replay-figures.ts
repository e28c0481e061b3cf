import { counter, one } from '../core/figure.ts';
import type { Figure, Replays } from '../core/ports.ts';

export const replayFigures = (replays: Replays): Figure[] => [
  counter(
    'replay_signatures_forgotten_total',
    'Signatures forgotten before their time, because there were more than WAVEHALL_REPLAY_SIGNATURES.',
    [],
    () => one(replays.forgotten),
  ),
];
