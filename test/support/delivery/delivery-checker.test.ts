/** The delivery checker finds each kind of violation, and none where there is none. */
import { describe, expect, test } from 'vitest';
import { KINDS, check, unsettled, type CheckOptions, type Kind } from './delivery-checker.ts';
import {
  contentOf,
  emptyLog,
  type ReceivedEvent,
  type DeliveryLog,
  type SentEvent,
  type ClientSubscription,
} from './delivery-log.ts';

const CHANNEL = 'presence-room';

const sent = (number: number, more: Partial<SentEvent> = {}): SentEvent => ({
  ...{ number, place: number, lane: 'publisher', channel: CHANNEL, kind: 'event', at: 'wavehall' },
  ...{ data: contentOf(number, CHANNEL) },
  ...{ beganMs: number * 100, endedMs: number * 100 + 10, status: 200 },
  ...more,
});

const received = (number: number, more: Partial<ReceivedEvent> = {}): ReceivedEvent => ({
  ...{ number, atMs: number * 100 + 5, data: contentOf(number, CHANNEL) },
  ...more,
});

const subscription = (
  client: string,
  numbers: readonly number[],
  more: Partial<ClientSubscription> = {},
): ClientSubscription => ({
  ...{
    client,
    user: client,
    socket: `${client}.1`,
    side: 'wavehall',
    channel: CHANNEL,
    sinceMs: 0,
    untilMs: Infinity,
  },
  ...{ roster: ['ada', 'grace'], memberChanges: [], received: numbers.map((number) => received(number)) },
  ...more,
});

/** Two people, three events, nothing wrong. */
const good = (): DeliveryLog => ({
  ...emptyLog(),
  sent: [1, 2, 3].map((number) => sent(number)),
  subscriptions: [subscription('ada', [1, 2, 3]), subscription('grace', [1, 2, 3])],
  rosters: [{ by: 'the API', channel: CHANNEL, users: ['grace', 'ada'] }],
});

const found = (log: DeliveryLog, options: CheckOptions = {}): Partial<Record<Kind, number>> => {
  const { counts } = check(log, options);
  return Object.fromEntries(KINDS.filter((kind) => counts[kind] > 0).map((kind) => [kind, counts[kind]]));
};

const withSubscription = (changed: ClientSubscription, log = good()): DeliveryLog => ({
  ...log,
  subscriptions: [log.subscriptions[0]!, changed],
});
const withSent = (changed: SentEvent): DeliveryLog => ({ ...good(), sent: [sent(1), changed, sent(3)] });

/** Grace receives 2 on her first socket, and again on the next. */
const receivedTwice = (sinceMs: number) => {
  const log = good();
  const [first, second] = log.subscriptions as [ClientSubscription, ClientSubscription];
  const moved = subscription('grace', [2, 3], { socket: 'grace.2', sinceMs });
  log.subscriptions.splice(
    0,
    2,
    first,
    { ...second, received: [received(1), received(2)], untilMs: sinceMs - 10 },
    moved,
  );
  return log;
};

describe('11.18 the delivery checker', () => {
  test('11.18 finds nothing in a log without faults', () => {
    const verdict = check(good());
    expect(found(good())).toEqual({});
    expect(verdict).toMatchObject({ deliveries: 6, expected: 6, lostInFaults: 0, examples: [] });
  });

  const faults: readonly [string, DeliveryLog, Partial<Record<Kind, number>>][] = [
    ['an event that one did not receive', withSubscription(subscription('grace', [1, 3])), { lost: 1 }],
    [
      'an event that no client received',
      withSent(sent(2, { number: 9, place: 2 })),
      { lost: 2, invented: 2 },
    ],
    ['an event that came twice', withSubscription(subscription('grace', [1, 2, 2, 3])), { doubled: 1 }],
    ['an event before an earlier one', withSubscription(subscription('grace', [1, 3, 2])), { reordered: 1 }],
    ['an event that excluded the socket', withSent(sent(2, { except: 'grace.1' })), { excluded: 1 }],
    ['an event of another channel', withSent(sent(2, { channel: 'else' })), { invented: 2 }],
    [
      'other data',
      withSubscription(
        subscription('grace', [], { received: [received(1), received(2, { data: 'x' }), received(3)] }),
      ),
      { altered: 1 },
    ],
    [
      'a client event from another user',
      withSent(sent(2, { kind: 'clientEvent', user: 'ada', except: 'ada.1' })),
      { misattributed: 2, excluded: 1 },
    ],
    [
      'a member that joined while it was there',
      withSubscription(
        subscription('grace', [1, 2, 3], { memberChanges: [{ user: 'ada', kind: 'added', atMs: 150 }] }),
      ),
      { memberChanges: 1 },
    ],
    [
      'a member that left without being there',
      withSubscription(
        subscription('grace', [1, 2, 3], { memberChanges: [{ user: 'joan', kind: 'removed', atMs: 150 }] }),
      ),
      { memberChanges: 1 },
    ],
    [
      'a member that has left and is still in a roster',
      withSubscription(subscription('grace', [1, 2, 3], { roster: ['ada', 'grace', 'joan'] })),
      { rosters: 1 },
    ],
    [
      'a member that is missing in a roster',
      withSubscription(subscription('grace', [1, 2, 3], { roster: ['grace'] })),
      { rosters: 1 },
    ],
    [
      'a server that lists another member',
      { ...good(), rosters: [{ by: 'R', channel: CHANNEL, users: ['ada', 'grace', 'joan'] }] },
      { rosters: 1 },
    ],
    [
      'a server that lists a member twice',
      { ...good(), rosters: [{ by: 'R', channel: CHANNEL, users: ['ada', 'ada', 'grace'] }] },
      { rosters: 1 },
    ],
    [
      'an event that was answered 503 and came all the same',
      withSent(sent(2, { status: 503 })),
      { refused: 2 },
    ],
    [
      'a server that counts another number of connections',
      { ...good(), counts: [{ what: 'connections on node 0', value: 3, truth: 2 }] },
      { counts: 1 },
    ],
    [
      'a server that does not answer how many connections it has',
      { ...good(), counts: [{ what: 'connections on node 0', value: undefined, truth: 2 }] },
      { counts: 1 },
    ],
  ];
  test.each(faults)('11.18 finds %s', (_what, log, expected) => {
    expect(found(log)).toEqual(expected);
    expect(check(log).examples.length).toBeGreaterThan(0);
  });

  test('11.18 finds an event that was received on the old socket and again on the new one', () => {
    expect(found(receivedTwice(190), { settleMs: 0 })).toEqual({ doubled: 1 });
  });

  test('11.18 counts an event apart that was sent before the new socket came', () => {
    expect(found(receivedTwice(250), { settleMs: 0 })).toEqual({});
    expect(check(receivedTwice(250), { settleMs: 0 }).doubledByMove).toBe(1);
  });

  test('11.18 counts an event apart that had reached no client of a server when its subscriber left', () => {
    const leftAt = (untilMs: number, other: ClientSubscription): DeliveryLog => ({
      ...good(),
      rosters: [],
      subscriptions: [subscription('grace', [1], { untilMs, user: undefined }), other],
    });
    const late = subscription('ada', [1, 3], {
      received: [received(1), ...[2, 3].map((each) => received(each, { atMs: 700 + each }))],
      user: undefined,
    });
    const soon = subscription('ada', [1, 2, 3], { user: undefined });
    const options = { settleMs: 50 };
    expect(check(leftAt(400, late), options)).toMatchObject({ missedByMove: 2, counts: { lost: 0 } });
    expect(check(leftAt(400, soon), options)).toMatchObject({ missedByMove: 0, counts: { lost: 2 } });
    expect(check(leftAt(6000, late), options)).toMatchObject({ missedByMove: 0, counts: { lost: 2 } });
  });

  test('11.18 does not miss what was sent before a subscription, at its end, or was not accepted', () => {
    expect(found(withSubscription(subscription('grace', [2, 3], { sinceMs: 150 })))).toEqual({});
    const ended = withSubscription(subscription('grace', [1, 2], { untilMs: 311 }), good());
    expect(found({ ...ended, rosters: [] }, { settleMs: 50 })).toEqual({ rosters: 1 });
    const refused = { ...good(), sent: [...good().sent, sent(4, { status: 504 })] };
    expect(found(refused)).toEqual({});
  });

  test('11.18 does not miss a client event whose socket ended while it was on its way', () => {
    const clientEvent = sent(2, { kind: 'clientEvent', user: 'ada', except: 'ada.1' });
    const by = subscription('ada', [1], { untilMs: 250 });
    const lost = { ...good(), rosters: [], sent: [sent(1), clientEvent, sent(3)] };
    const log = (end: number, ...others: ClientSubscription[]): DeliveryLog => ({
      ...lost,
      subscriptions: [
        { ...by, untilMs: end },
        subscription('grace', [1, 3], { roster: ['grace'] }),
        ...others,
      ],
    });
    const another = subscription('joan', [1, 2, 3], { user: undefined, roster: undefined });
    const third = { ...another, received: [received(1), received(2, { user: 'ada' }), received(3)] };
    expect(check(log(250), { settleMs: 50 })).toMatchObject({ missedByMove: 0, examples: [] });
    expect(check(log(290), { settleMs: 50 })).toMatchObject({ missedByMove: 1, examples: [] });
    expect(check(log(290, third), { settleMs: 50 })).toMatchObject({ missedByMove: 0, counts: { lost: 1 } });
  });

  test('11.18 does not take two publishers for one', () => {
    const log = withSent(sent(2, { lane: 'another' }));
    expect(found(withSubscription(subscription('grace', [2, 1, 3]), log))).toEqual({});
  });

  test('11.18 counts apart what was lost by what was broken, and only that', () => {
    const broken = (mayLose: boolean): DeliveryLog => ({
      ...withSubscription(subscription('grace', [1, 3])),
      faults: [{ what: 'cut', beganMs: 190, endedMs: 220, mayLose: () => mayLose }],
    });
    expect(found(broken(true))).toEqual({});
    expect(check(broken(true)).lostInFaults).toBe(1);
    expect(found(broken(false))).toEqual({ lost: 1 });
    const later = { ...broken(true), faults: [{ ...broken(true).faults[0]!, beganMs: 215, endedMs: 299 }] };
    expect(found(later)).toEqual({ lost: 1 });
  });

  test('11.18 takes what PHP makes of an empty object inside a client event for the same', () => {
    const content = contentOf(2, CHANNEL);
    const data = { ...content, nested: { ...content.nested, empty: [] } };
    expect(
      found(
        withSubscription(
          subscription('grace', [], { received: [received(1), received(2, { data }), received(3)] }),
        ),
      ),
    ).toEqual({});
  });
});

/** The options with which the nodes of a cluster are checked. */
const ofCluster = (more: CheckOptions = {}): CheckOptions => ({
  settleMs: Infinity,
  onceOverAllSockets: false,
  commonOrder: () => true,
  mostMemberChanges: () => 0,
  ...more,
});

/** Events without an order of their sender: only the times of sending and the clients give one. */
const atOnce = (...beganMs: number[]): SentEvent[] =>
  beganMs.map((each, at) => sent(at + 1, { lane: undefined, beganMs: each, endedMs: each + 10 }));

describe('the delivery checker for a cluster', () => {
  test('3.13 finds nothing in a log without faults', () => {
    expect(found(good(), ofCluster())).toEqual({});
  });

  test('3.13 finds clients that received events sent at once in different orders', () => {
    const log = { ...good(), sent: atOnce(100, 100, 100) };
    log.subscriptions[1] = subscription('grace', [1, 3, 2]);
    expect(found(log, ofCluster())).toEqual({ reordered: 1 });
    log.subscriptions[0] = subscription('ada', [1, 3, 2]);
    expect(found(log, ofCluster())).toEqual({});
  });

  test('3.13 finds an order that contradicts the times of sending, unless they need not count', () => {
    const log = { ...good(), sent: atOnce(100, 200, 300) };
    log.subscriptions.splice(0, 2, subscription('ada', [2, 1, 3]), subscription('grace', [2, 1, 3]));
    expect(found(log, ofCluster())).toEqual({ reordered: 1 });
    expect(found(log, ofCluster({ commonOrder: ({ number }) => number !== 1 }))).toEqual({});
  });

  test('3.13 finds an event that came twice on one socket, and lets it come again on the next', () => {
    const twice = subscription('grace', [1, 2, 2, 3]);
    expect(found(withSubscription(twice), ofCluster({ commonOrder: () => false }))).toMatchObject({
      doubled: 1,
    });
    const { doubled = 0 } = found(receivedTwice(190), ofCluster());
    expect(doubled).toBe(0);
  });

  test('3.13 finds an event that an open subscription misses, and asks nothing of an ended one', () => {
    expect(found(withSubscription(subscription('grace', [1, 3])), ofCluster())).toEqual({ lost: 1 });
    const ended = withSubscription(subscription('grace', [1], { untilMs: 10_000 }));
    expect(found({ ...ended, rosters: [] }, ofCluster())).toEqual({ rosters: 1 });
    const mayBeLost = ({ number }: SentEvent): boolean => number === 2;
    expect(found(withSubscription(subscription('grace', [1, 3])), ofCluster({ mayBeLost }))).toEqual({});
  });

  test('4.4 finds more joins and leaves of a member than its sockets made', () => {
    const changes = [
      { user: 'joan', kind: 'added', atMs: 150 },
      { user: 'joan', kind: 'removed', atMs: 160 },
    ] as const;
    const log = withSubscription(subscription('grace', [1, 2, 3], { memberChanges: [...changes] }));
    expect(found(log, ofCluster({ mostMemberChanges: () => 1 }))).toEqual({ memberChanges: 1 });
    expect(found(log, ofCluster({ mostMemberChanges: () => 2 }))).toEqual({});
  });

  test('4.4 counts a member from its request on, and compares rosters from the confirmation on', () => {
    const pending = subscription('joan', [], { sinceMs: Infinity, roster: undefined });
    const log = { ...good(), subscriptions: [...good().subscriptions, pending] };
    expect(found(log, ofCluster())).toEqual({ rosters: 3 });
  });

  test('4.4 unsettled are lost events, rosters and counts, and nothing else', () => {
    expect(unsettled(good())).toEqual([]);
    expect(unsettled(withSubscription(subscription('grace', [1, 3])))).toHaveLength(1);
    expect(unsettled(withSubscription(subscription('grace', [1, 2, 2, 3])))).toEqual([]);
    expect(unsettled({ ...good(), counts: [{ what: 'connections', value: 1, truth: 2 }] })).toHaveLength(1);
  });
});
