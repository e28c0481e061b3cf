import type { Tokens } from '../../auth/tokens/token-rights.ts';
import type { Config } from '../../config/index.ts';
import type { AppProvider } from '../../core/ports/apps.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { Metric } from '../../core/ports/metric.ts';

/** The rights of tokens (SPEC 15), if they are set up. */
export interface TokenAccess {
  readonly tokens: Tokens | undefined;
  readonly metrics: readonly Metric[];
}

/** Begins to accept tokens; without a key for them, no code of theirs is loaded. */
export async function openTokenAccess(
  config: Config,
  apps: AppProvider,
  logger: Logger,
): Promise<TokenAccess> {
  if (config.tokens === undefined) return { tokens: undefined, metrics: [] };
  const { openTokens } = await import('../../auth/tokens/index.ts');
  const { tokens, metrics } = openTokens(config.tokens, {
    apps,
    clock: Date.now,
    logger,
  });
  return { tokens, metrics };
}
