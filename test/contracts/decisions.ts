import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { userTag } from '../../src/core/decisions.ts';
import type { Forgotten, NewDecision } from '../../src/core/ports/decisions.ts';
import { HOSTILE_NAMES, type Implementation, openStores } from './capabilities.ts';

/** The contract of `DecisionStore`, for every implementation; it keeps 3 decisions of an owner. */
export function decisionsContract(implementation: Implementation): void {
  describe('decisions of the auth gateway', () => {
    let node: Awaited<ReturnType<typeof openStores>>;
    beforeEach(async () => {
      node = await openStores(implementation);
    });
    afterEach(() => node.close());

    const find = async (key: string, owner = 'ann') => (await node.decisions.find(key, [owner])).kept;
    async function keep(key: string, given: Partial<NewDecision> = {}): Promise<void> {
      const { nowMs } = await node.decisions.find(key, given.owners ?? ['ann']);
      await node.decisions.keep({
        ...{ key, text: `text of ${key}`, askedAtMs: nowMs, keepMs: 60_000 },
        ...{ owners: ['ann'], channel: 'private-a', app: 'app', user: undefined, ...given },
      });
    }

    test('14.4 a decision is found with its age until it ends', async () => {
      expect(await find('one')).toBeUndefined();
      const { nowMs } = await node.decisions.find('one', ['ann']);
      await keep('one', { askedAtMs: nowMs - 50_000 });
      const found = await find('one');
      expect(found?.text).toBe('text of one');
      expect(found?.ageMs).toBeGreaterThanOrEqual(50_000);
      await implementation.pass(11);
      expect(await find('one')).toBeUndefined();
    });

    test('14.4 a decision that has ended is not kept', async () => {
      const { nowMs } = await node.decisions.find('one', ['ann']);
      await keep('one', { askedAtMs: nowMs - 60_001 });
      expect(await find('one')).toBeUndefined();
    });

    test('14.4 owners and keys are separate, whatever they are', async () => {
      for (const name of HOSTILE_NAMES) {
        await keep('same', { owners: [name], text: `of ${name}` });
        await keep(name, { owners: ['names'], text: `of ${name}` });
        expect((await find('same', name))?.text).toBe(`of ${name}`);
        expect((await find(name, 'names'))?.text).toBe(`of ${name}`);
      }
      expect(await find('same', 'nobody')).toBeUndefined();
    });

    test('14.8 above the limit of an owner the decision that ends first is forgotten', async () => {
      await keep('first', { keepMs: 10_000 });
      for (const key of ['second', 'third']) await keep(key, { user: '7' });
      expect(await find('first')).toBeDefined();
      await keep('fourth');
      expect(await find('first')).toBeUndefined();
      for (const key of ['second', 'third', 'fourth']) expect(await find(key)).toBeDefined();
    });

    test.each<readonly [Forgotten, kept: readonly string[]]>([
      [{ what: 'all' }, []],
      [{ what: 'owner', digest: 'ann' }, ['of bob']],
      [{ what: 'owner', digest: 'token of ann' }, ['a', 'b', 'of bob']],
      [{ what: 'channel', channel: 'private-b' }, ['a', 'with token', 'of bob']],
      [{ what: 'user', app: 'app', user: '7' }, ['of bob']],
      [{ what: 'user', app: 'other', user: '7' }, ['a', 'b', 'with token', 'of bob']],
      [{ what: 'channel', channel: 'private-' }, ['a', 'b', 'with token', 'of bob']],
    ])('14.6 forgets %j, and nothing else', async (forgotten, kept) => {
      await keep('a', { user: '7' });
      await keep('b', { channel: 'private-b' });
      await keep('with token', { owners: ['ann', 'token of ann'] });
      await keep('of bob', { owners: ['bob'], user: '8' });
      await implementation.pass(1);
      await node.decisions.forget(forgotten);
      const owners = { 'of bob': 'bob' } as Readonly<Record<string, string>>;
      const found = [];
      for (const key of ['a', 'b', 'with token', 'of bob'])
        if ((await find(key, owners[key])) !== undefined) found.push(key);
      expect(found).toEqual(kept);
    });

    test('14.6 a decision whose user is not known is forgotten with every user', async () => {
      await keep('unknown');
      await implementation.pass(1);
      await node.decisions.forget({ what: 'user', app: 'app', user: 'somebody' });
      expect(await find('unknown')).toBeUndefined();
    });

    test('14.6 a question that was under way when it was forgotten is forgotten, too; a later one is kept', async () => {
      const { nowMs: askedAtMs } = await node.decisions.find('one', ['ann']);
      await implementation.pass(1);
      await node.decisions.forget({ what: 'channel', channel: 'private-a' });
      await keep('one', { askedAtMs });
      expect(await find('one')).toBeUndefined();
      await implementation.pass(1);
      await keep('one');
      expect(await find('one')).toBeDefined();
    });

    test('14.6 names of users and apps are not taken for each other', () => {
      expect(userTag('a:b', 'c')).not.toBe(userTag('a', 'b:c'));
    });
  });
}
