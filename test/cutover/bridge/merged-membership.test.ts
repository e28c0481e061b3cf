import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Member } from '#protocol';
import type { Occupancy } from '../../../src/core/ports/membership.ts';
import { MergedMembership } from '../../../src/cutover/bridge/stores/merged-membership.ts';
import { openMemoryStores } from '../../../src/stores/memory/index.ts';

const REF = { app: 'a', channel: 'presence-room' };
const memberOf = (id: string): Member => ({ id, userId: id, infoJson: undefined });
const IDS = ['7', '8', '9'];

type Step = readonly [
  kind: 'join' | 'leave' | 'joined' | 'left' | 'roster',
  user: number,
  rosterMask: number,
];

const step = fc.tuple(
  fc.constantFrom('join', 'join', 'leave', 'joined', 'left', 'roster'),
  fc.nat(2),
  fc.nat(7),
) as fc.Arbitrary<Step>;

function openMembership(isSubscribed: boolean) {
  const stores = openMemoryStores();
  const changes: string[] = [];
  void stores.broker.start((_, event) => {
    if (event.memberChange !== undefined)
      changes.push(`${event.memberChange.joined ? '+' : '-'}${event.memberChange.id}`);
  });
  const failures: unknown[] = [];
  const membership = new MergedMembership({
    inner: stores.membership,
    upstream: { join: () => Promise.resolve(), leave: () => undefined, isSubscribed: () => isSubscribed },
    counts: {
      members: () => Promise.resolve([]),
      occupancy: () => Promise.resolve(undefined),
      otherBridgesOn: () => 0,
      channels: () => Promise.resolve(new Map<string, Occupancy>()),
    },
    failed: (error) => failures.push(error),
  });
  return { membership, changes, failures };
}

describe('members of a presence channel', () => {
  test('11.10 a user is a member while one of the two sources has it, and is announced once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.boolean(), async (steps, isSubscribed) => {
        const { membership, changes, failures } = openMembership(isSubscribed);
        const [local, upstream] = [new Set<string>(), new Set<string>()];
        const expected = (): string[] => [...new Set([...local, ...upstream])].sort();
        for (const [kind, user, rosterMask] of steps) {
          const id = IDS[user] as string;
          const before = expected();
          changes.length = 0;
          if (kind === 'join' && !local.has(id)) {
            local.add(id);
            await membership.join(REF, { subscriptions: local.size, member: memberOf(id), socketId: '1.1' });
          } else if (kind === 'leave' && local.delete(id)) {
            await membership.leave(REF, { subscriptions: local.size, member: memberOf(id) });
            if (!isSubscribed) upstream.delete(id);
            if (local.size === 0) upstream.clear();
          } else if (kind === 'joined') {
            membership.upstreamJoined(REF, memberOf(id));
            if (local.size > 0) upstream.add(id);
          } else if (kind === 'left') {
            membership.upstreamLeft(REF, id);
            upstream.delete(id);
          } else if (kind === 'roster') {
            const named = IDS.filter((_, at) => (rosterMask >> at) % 2 === 1);
            membership.upstreamRoster(REF, named.map(memberOf));
            upstream.clear();
            if (local.size > 0) for (const each of named) upstream.add(each);
          }
          const after = expected();
          expect((await membership.members(REF)).map((each) => each.id).sort()).toEqual(after);
          expect([...changes].sort()).toEqual(
            [
              ...after.filter((each) => !before.includes(each)).map((each) => `+${each}`),
              ...before.filter((each) => !after.includes(each)).map((each) => `-${each}`),
            ].sort(),
          );
        }
        expect(failures).toEqual([]);
      }),
    );
  });

  test('11.10 ignores members of the upstream on channels that are not presence channels', async () => {
    const { membership } = openMembership(true);
    for (const channel of ['orders', '#user-7']) {
      const ref = { app: 'a', channel };
      await membership.join(ref, { subscriptions: 1, member: memberOf('7'), socketId: '1.1' });
      membership.upstreamJoined(ref, memberOf('8'));
      expect((await membership.members(ref)).map(({ id }) => id)).toEqual(['7']);
      await membership.leave(ref, { subscriptions: 0, member: memberOf('7') });
      expect(await membership.members(ref)).toEqual([]);
    }
  });
});
