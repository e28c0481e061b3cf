import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Member } from '#protocol';
import type { Occupancy } from '../../../src/core/ports/cluster.ts';
import { MergedMembership } from '../../../src/cutover/bridge/presence/merged-membership.ts';
import { openMemoryStores } from '../../../src/stores/memory/index.ts';

const REF = { app: 'a', channel: 'presence-room' };
const memberOf = (id: string): Member => ({ id, userId: id, infoJson: undefined });
const IDS = ['7', '8', '9'];

type Step = readonly [kind: 'join' | 'leave' | 'came' | 'went' | 'roster', user: number, rest: number];

const step = fc.tuple(
  fc.constantFrom('join', 'join', 'leave', 'came', 'went', 'roster'),
  fc.nat(2),
  fc.nat(7),
) as fc.Arbitrary<Step>;

function openAttendance(isHeard: boolean) {
  const stores = openMemoryStores();
  const news: string[] = [];
  void stores.broker.start((_, event) => {
    if (event.memberChange !== undefined)
      news.push(`${event.memberChange.joined ? '+' : '-'}${event.memberChange.id}`);
  });
  const failures: unknown[] = [];
  const attendance = new MergedMembership({
    inner: stores.membership,
    upstream: { join: () => Promise.resolve(), leave: () => undefined, isSubscribed: () => isHeard },
    counts: {
      members: () => Promise.resolve([]),
      occupancy: () => Promise.resolve(undefined),
      otherBridgesOn: () => 0,
      channels: () => Promise.resolve(new Map<string, Occupancy>()),
    },
    failed: (error) => failures.push(error),
  });
  return { attendance, news, failures };
}

describe('who is on a presence channel', () => {
  test('11.10 somebody is a member from the first of both sources to the last, and is told of once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.boolean(), async (steps, isHeard) => {
        const { attendance, news, failures } = openAttendance(isHeard);
        const [real, other] = [new Set<string>(), new Set<string>()];
        const expected = (): string[] => [...new Set([...real, ...other])].sort();
        for (const [kind, user, rest] of steps) {
          const id = IDS[user] as string;
          const before = expected();
          news.length = 0;
          if (kind === 'join' && !real.has(id)) {
            real.add(id);
            await attendance.join(REF, { subscriptions: real.size, member: memberOf(id), socketId: '1.1' });
          } else if (kind === 'leave' && real.delete(id)) {
            await attendance.leave(REF, { subscriptions: real.size, member: memberOf(id) });
            if (!isHeard) other.delete(id);
            if (real.size === 0) other.clear();
          } else if (kind === 'came') {
            attendance.upstreamJoined(REF, memberOf(id));
            if (real.size > 0) other.add(id);
          } else if (kind === 'went') {
            attendance.upstreamLeft(REF, id);
            other.delete(id);
          } else if (kind === 'roster') {
            const named = IDS.filter((_, at) => (rest >> at) % 2 === 1);
            attendance.upstreamRoster(REF, named.map(memberOf));
            other.clear();
            if (real.size > 0) for (const each of named) other.add(each);
          }
          const after = expected();
          expect((await attendance.members(REF)).map((each) => each.id).sort()).toEqual(after);
          expect([...news].sort()).toEqual(
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

  test('11.10 channels without members, and those of users, are none of its business', async () => {
    const { attendance } = openAttendance(true);
    for (const channel of ['orders', '#user-7']) {
      const ref = { app: 'a', channel };
      await attendance.join(ref, { subscriptions: 1, member: memberOf('7'), socketId: '1.1' });
      attendance.upstreamJoined(ref, memberOf('8'));
      expect((await attendance.members(ref)).map(({ id }) => id)).toEqual(['7']);
      await attendance.leave(ref, { subscriptions: 0, member: memberOf('7') });
      expect(await attendance.members(ref)).toEqual([]);
    }
  });
});
