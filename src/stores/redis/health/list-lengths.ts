import { connect, openServer } from '../link/client.ts';
import { explainError } from '../link/errors.ts';
import type { RedisOptions } from '../options.ts';
import { within } from '../../../core/util/time.ts';

/** Counts the entries of a list, and of the sorted set beside it that ends in `:reserved`. Rejects with a sentence for an operator. */
export async function listLengths(
  options: RedisOptions,
  key: string,
  timeoutMs: number,
): Promise<{ readonly waiting: number; readonly reserved: number }> {
  const client = openServer(options);
  try {
    const count = async () => {
      await connect(client);
      return { waiting: await client.llen(key), reserved: await client.zcard(`${key}:reserved`) };
    };
    return await within(count(), timeoutMs, () => {
      throw new Error(`no answer in ${timeoutMs} ms`);
    });
  } catch (error) {
    throw new Error(explainError(error, options).sentence, { cause: error });
  } finally {
    client.disconnect();
  }
}
