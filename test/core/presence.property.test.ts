import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Client, dataOf, type Frame, openCore, settled, type TestCore } from './fakes.ts';

const CHANNEL = 'presence-room';
/** Ids that are easily confused: `7` and `'7'` are one user, `0` and `'0'` are one, and none is an absent user. */
const USER_IDS = ['__proto__', 'constructor', 'toString', 0, '0', 7, '7', -1, 1.5, 'true', ' ', 'ü'];

type Step =
  | { readonly do: 'join'; readonly userId: string | number; readonly info: unknown }
  | { readonly do: 'leave' | 'drop' | 'again'; readonly who: number }
  | { readonly do: 'wait' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      userId: fc.constantFrom(...USER_IDS),
      info: fc.oneof(fc.constant(undefined), fc.constant(null), fc.jsonValue({ maxDepth: 1 })),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('leave' as const, 'drop' as const, 'again' as const),
      who: fc.nat(50),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const) }) },
);

interface Roster {
  readonly count: number;
  readonly ids: readonly (string | number)[];
  readonly hash: Readonly<Record<string, unknown>>;
}

/** Members by the frames of one watcher alone; fails where they contradict each other. */
function believed(frames: readonly Frame[]): Set<string> | undefined {
  let members: Set<string> | undefined;
  for (const frame of frames) {
    const data = dataOf(frame);
    if (frame.event === 'pusher_internal:subscription_succeeded') {
      const { count, ids, hash } = (data as { presence: Roster }).presence;
      const now = new Set(ids.map(String));
      expect(count).toBe(ids.length);
      expect(now.size).toBe(ids.length);
      expect(Object.keys(hash).sort()).toEqual([...now].sort());
      if (members !== undefined) expect([...now].sort()).toEqual([...members].sort());
      members = now;
    } else if (frame.event.startsWith('pusher_internal:member_')) {
      const id = String((data as { user_id: unknown }).user_id);
      const added = frame.event.endsWith('added');
      expect(members, 'nothing comes before the roster').toBeDefined();
      expect([frame.event, id, members?.has(id)]).toEqual([frame.event, id, !added]);
      if (added) members?.add(id);
      else members?.delete(id);
    }
  }
  return members;
}

interface Present {
  readonly client: Client;
  readonly id: string;
}

/** A fresh roster contains every change so far; no member event may still be in flight when it is compared. */
async function again({ client, id }: Present): Promise<void> {
  await settled();
  client.subscribe(CHANNEL, { user_id: id });
  await settled();
}

async function play(site: TestCore, steps: readonly Step[]): Promise<readonly Present[]> {
  const sockets: Client[] = [];
  const joins = steps.filter((each) => each.do === 'join').length;
  for (let at = 0; at < joins; at += 1) sockets.push(await site.connect());
  const present: Present[] = [];
  for (const action of steps) {
    if (action.do === 'wait') await settled();
    else if (action.do === 'join') {
      const client = sockets.pop()!;
      client.subscribe(CHANNEL, { user_id: action.userId, user_info: action.info });
      present.push({ client, id: String(action.userId) });
    } else {
      const at = action.who % Math.max(1, present.length);
      const who = present[at];
      if (who === undefined) continue;
      if (action.do === 'again') await again(who);
      else present.splice(at, 1);
      if (action.do === 'leave') who.client.unsubscribe(CHANNEL);
      if (action.do === 'drop') who.client.close(1006);
    }
  }
  await settled(12);
  return present;
}

test('4.4 after any joins and leaves, each subscriber has the true roster', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
      const site = openCore();
      const present = await play(site, steps);
      const ids = [...new Set(present.map(({ id }) => id))].sort();
      const ref = { app: 'app-id', channel: CHANNEL };
      expect((await site.stores.membership.members(ref)).map(({ id }) => id).sort()).toEqual(ids);
      expect(await site.stores.membership.occupancy(ref)).toEqual({
        subscriptions: present.length,
        users: ids.length,
      });
      for (const { client } of present) expect([...believed(client.frames)!].sort()).toEqual(ids);
      expect(site.logger.errors).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
