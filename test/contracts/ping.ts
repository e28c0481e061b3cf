import { expect, test } from 'vitest';
import { type Implementation, openStores } from './capabilities.ts';

/** The contract of `Stores.ping`, for every implementation. */
export function pingContract(implementation: Implementation): void {
  test('8.11 a ping is answered in milliseconds by a store that other nodes share, and with undefined by one in memory', async () => {
    const node = await openStores(implementation);
    try {
      const roundTripMs = await node.ping();
      if (implementation.isShared === true)
        expect(roundTripMs).toSatisfy((ms: number) => ms > 0 && ms < 1000);
      else expect(roundTripMs).toBeUndefined();
    } finally {
      await node.close();
    }
  });
}
