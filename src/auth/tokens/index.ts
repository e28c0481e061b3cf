import type { AppProvider } from '../../core/ports/apps.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { Metric } from '../../core/ports/metric.ts';
import { KeySet } from './key-set.ts';
import { type KeySource, publicKeys, secretKeys } from './keys.ts';
import { tokenMetrics } from './metrics.ts';
import type { KeyOptions } from './key-options.ts';
import type { TokenOptions } from './options.ts';
import { Tokens } from './token-rights.ts';
import { TokenVerifier } from './verifier.ts';

interface OpenTokens {
  readonly tokens: Tokens;
  readonly verifier: TokenVerifier;
  readonly metrics: readonly Metric[];
}

/** Makes the rights of tokens, and begins to fetch their keys; a token that comes earlier waits for them. */
export function openTokens(
  options: TokenOptions,
  deps: { readonly apps: AppProvider; readonly clock: Clock; readonly logger: Pick<Logger, 'warn'> },
): OpenTokens {
  const keys = keySourceOf(options.keys, deps);
  const keySet = keys instanceof KeySet ? keys : undefined;
  const verifier = new TokenVerifier(keys, options.checks, deps.clock);
  const tokens = new Tokens(options, { ...deps, verifier });
  const metrics = tokenMetrics({ results: verifier.results, decisions: tokens.decisions, keySet });
  void keySet?.start();
  return { tokens, verifier, metrics };
}

function keySourceOf(
  options: KeyOptions,
  deps: { readonly clock: Clock; readonly logger: Pick<Logger, 'warn'> },
): KeySource {
  if (options.kind === 'secrets') return secretKeys(options.secrets);
  return options.kind === 'public' ? publicKeys(options.keys) : new KeySet(options, deps);
}
