import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HOSTILE_NAMES, type Implementation, openStores } from './capabilities.ts';

/** The contract of `SharedState`, for every implementation. */
export function stateContract(implementation: Implementation): void {
  describe('state', () => {
    let node: Awaited<ReturnType<typeof openStores>>;
    beforeEach(async () => {
      node = await openStores(implementation);
    });
    afterEach(() => node.close());

    test('11.4 a name that was never written reads as undefined', async () => {
      for (const name of ['cutover', ...HOSTILE_NAMES]) expect(await node.state.read(name)).toBeUndefined();
    });

    test('11.4 the value written last is read', async () => {
      await node.state.write('cutover', { percent: 5, by: 'ü' });
      await Promise.all([1, 2, 3].map((percent) => node.state.write('cutover', { percent })));
      expect(await node.state.read('cutover')).toEqual({ percent: 3 });
    });

    test('11.4 names are separate, whatever they are', async () => {
      for (const [at, name] of HOSTILE_NAMES.entries()) await node.state.write(name, { at });
      for (const [at, name] of HOSTILE_NAMES.entries()) expect(await node.state.read(name)).toEqual({ at });
    });
  });
}
