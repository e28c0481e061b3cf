import { counter, gauge, type Metric, scalar } from '../../core/ports/metric.ts';
import type { Tally } from '../../core/util/tally.ts';

interface CountedTokens {
  readonly results: Tally;
  readonly decisions: Tally;
  /** `undefined`: the keys are not those of a key set. */
  readonly keySet:
    | {
        readonly fetches: { readonly ok: number; readonly failed: number };
        readonly ageSeconds: number | undefined;
      }
    | undefined;
}

/** Metrics of tokens and channel rules (SPEC 15). */
export const tokenMetrics = ({ results, decisions, keySet }: CountedTokens): Metric[] => [
  counter(
    'tokens_total',
    'JSON Web Tokens that were verified, by result: valid, or the cause of the refusal.',
    ['result'],
    () => [...results.entries()].map(([name, count]) => [[name], count] as const),
  ),
  counter(
    'channel_rules_decisions_total',
    'Decisions of the channel rules: allowed, refused, or asked (left to Laravel).',
    ['decision'],
    () => [...decisions.entries()].map(([name, count]) => [[name], count] as const),
  ),
  counter('token_key_fetches_total', 'Fetches of the key set of WAVEHALL_JWT_JWKS_URL.', ['outcome'], () =>
    Object.entries(keySet?.fetches ?? {}).map(([name, count]) => [[name], count] as const),
  ),
  gauge('token_keys_age_seconds', 'Age of the key set in use; no value without one.', [], 'max', () =>
    keySet?.ageSeconds === undefined ? [] : scalar(keySet.ageSeconds),
  ),
];
