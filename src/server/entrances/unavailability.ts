import type { Apps } from '../../core/ports/apps.ts';
import type { Config } from '../../config/index.ts';
import type { UnavailableReason } from '../../transports/unavailable.ts';

/** Decides whether new clients are answered with 503, over any transport (SPEC 2.13, 2.18, 8.11); `undefined`: they are not. */
export const unavailability =
  (
    { drainRefusal }: Pick<Config, 'drainRefusal'>,
    { heap, apps }: { readonly heap: { readonly isFull: boolean }; readonly apps: Pick<Apps, 'isKnown'> },
    shutdown: { readonly isClosing: boolean },
  ): (() => UnavailableReason | undefined) =>
  () => {
    if (drainRefusal === '503' && shutdown.isClosing) return 'server_closing';
    if (!apps.isKnown) return 'apps_unknown';
    return heap.isFull ? 'memory_short' : undefined;
  };
