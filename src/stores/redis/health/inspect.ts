import { ignore } from '../../../core/util/ignore.ts';
import { within } from '../../../core/util/time.ts';
import type { Logger } from '../../../core/ports/logger.ts';
import { Keys } from '../keys.ts';
import { explainError, type RedisProblem } from '../link/errors.ts';
import { openLinks } from '../link/open-links.ts';
import type { RedisOptions } from '../options.ts';
import { checkRedis, PreflightError } from './preflight.ts';

/** Problems that a node would find at its start. */
export interface RedisInspection {
  /** `undefined`: a node can start. */
  readonly problem:
    { readonly kind: RedisProblem['kind'] | 'version'; readonly sentence: string } | undefined;
  /** Warnings that a node would log. */
  readonly warnings: readonly string[];
}

/** Connects to Redis and makes the checks of a node's start, on keys of their own. Never rejects. */
export async function inspectRedis(options: RedisOptions, timeoutMs: number): Promise<RedisInspection> {
  const warnings: string[] = [];
  const logger: Logger = {
    ...{ debugging: false, debug: ignore, error: ignore },
    warn: (message) => void warnings.push(message),
  };
  const keys = new Keys(options.keyPrefix, options.partitions, options.database);
  const links = openLinks(options, keys, logger);
  links.events.on('problem', ignore);
  links.subscriber.events.on('problem', ignore);
  try {
    const check = links.connect().then(() => checkRedis(links, keys, logger));
    await within(check, timeoutMs, () => {
      throw new Error(`no answer in ${timeoutMs} ms`);
    });
    return { problem: undefined, warnings };
  } catch (error) {
    return { problem: problemOf(error, options), warnings };
  } finally {
    links.close();
  }
}

function problemOf(error: unknown, options: RedisOptions): RedisInspection['problem'] {
  if (!(error instanceof PreflightError)) return explainError(error, options);
  return { kind: /too old/.test(error.message) ? 'version' : 'permission', sentence: error.message };
}
