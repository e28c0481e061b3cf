import type { Config } from '../../config/index.ts';
import type { UnavailableReason } from '../../transports/unavailable.ts';

/** Decides whether new clients are answered with 503, over any transport (SPEC 2.13, 8.11); `undefined`: they are not. */
export const unavailability =
  (
    { drainRefusal }: Pick<Config, 'drainRefusal'>,
    heap: { readonly isFull: boolean },
    shutdown: { readonly isClosing: boolean },
  ): (() => UnavailableReason | undefined) =>
  () => {
    if (drainRefusal === '503' && shutdown.isClosing) return 'server_closing';
    return heap.isFull ? 'memory_short' : undefined;
  };
