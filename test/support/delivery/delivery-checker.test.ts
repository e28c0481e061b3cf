/** The delivery checker finds each kind of violation, and none in a valid log. */
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
  ...{ number, position: number, sender: 'publisher', channel: CHANNEL, kind: 'event', server: 'wavehall' },
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
    server: 'wavehall',
    channel: CHANNEL,
    sinceMs: 0,
    untilMs: Infinity,
  },
  ...{ roster: ['ada', 'grace'], memberChanges: [], received: numbers.map((number) => received(number)) },
  ...more,
});

/** Two users, three events, no violation. */
const validLog = (): DeliveryLog => ({
  ...emptyLog(),
  sent: [1, 2, 3].map((number) => sent(number)),
  subscriptions: [subscription('ada', [1, 2, 3]), subscription('grace', [1, 2, 3])],
  rosters: [{ by: 'the API', channel: CHANNEL, users: ['grace', 'ada'] }],
});

const found = (log: DeliveryLog, options: CheckOptions = {}): Partial<Record<Kind, number>> => {
  const { counts } = check(log, options);
  return Object.fromEntries(KINDS.filter((kind) => counts[kind] > 0).map((kind) => [kind, counts[kind]]));
};

const withSubscription = (changed: ClientSubscription, log = validLog()): DeliveryLog => ({
  ...log,
  subscriptions: [log.subscriptions[0]!, changed],
});
const withSent = (changed: SentEvent): DeliveryLog => ({ ...validLog(), sent: [sent(1), changed, sent(3)] });

/** Grace receives 2 on her first socket, and again on the next. */
const receivedTwice = (sinceMs: number) => {
  const log = validLog();
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
    const verdict = check(validLog());
    expect(found(validLog())).toEqual({});
    expect(verdict).toMatchObject({ deliveries: 6, expected: 6, lostInFaults: 0, examples: [] });
  });

  const faults: readonly [string, DeliveryLog, Partial<Record<Kind, number>>][] = [
    [
      'an event that one client did not receive',
      withSubscription(subscription('grace', [1, 3])),
      { lost: 1 },
    ],
    [
      'an event that no client received',
      withSent(sent(2, { number: 9, position: 2 })),
      { lost: 2, invented: 2 },
    ],
    [
      'an event that was received twice',
      withSubscription(subscription('grace', [1, 2, 2, 3])),
      { doubled: 1 },
    ],
    [
      'an event that was received before an earlier one',
      withSubscription(subscription('grace', [1, 3, 2])),
      { reordered: 1 },
    ],
    ['an event that excluded the socket', withSent(sent(2, { except: 'grace.1' })), { excluded: 1 }],
    ['an event that was sent to another channel', withSent(sent(2, { channel: 'else' })), { invented: 2 }],
    [
      'data that differs from what was sent',
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
      'a member that joins twice',
      withSubscription(
        subscription('grace', [1, 2, 3], { memberChanges: [{ user: 'ada', kind: 'added', atMs: 150 }] }),
      ),
      { memberChanges: 1 },
    ],
    [
      'a member that leaves without having joined',
      withSubscription(
        subscription('grace', [1, 2, 3], { memberChanges: [{ user: 'joan', kind: 'removed', atMs: 150 }] }),
      ),
      { memberChanges: 1 },
    ],
    [
      'a roster with a member that has left',
      withSubscription(subscription('grace', [1, 2, 3], { roster: ['ada', 'grace', 'joan'] })),
      { rosters: 1 },
    ],
    [
      'a roster without a present member',
      withSubscription(subscription('grace', [1, 2, 3], { roster: ['grace'] })),
      { rosters: 1 },
    ],
    [
      'a server that lists another member',
      { ...validLog(), rosters: [{ by: 'R', channel: CHANNEL, users: ['ada', 'grace', 'joan'] }] },
      { rosters: 1 },
    ],
    [
      'a server that lists a member twice',
      { ...validLog(), rosters: [{ by: 'R', channel: CHANNEL, users: ['ada', 'ada', 'grace'] }] },
      { rosters: 1 },
    ],
    [
      'an event that was answered 503 and was delivered all the same',
      withSent(sent(2, { status: 503 })),
      { refused: 2 },
    ],
    [
      'a server that counts another number of connections',
      { ...validLog(), counts: [{ what: 'connections on node 0', value: 3, expected: 2 }] },
      { counts: 1 },
    ],
    [
      'a server that does not report its number of connections',
      { ...validLog(), counts: [{ what: 'connections on node 0', value: undefined, expected: 2 }] },
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

  test('11.18 counts separately an event received twice that was sent before the new socket opened', () => {
    expect(found(receivedTwice(250), { settleMs: 0 })).toEqual({});
    expect(check(receivedTwice(250), { settleMs: 0 }).doubledByMove).toBe(1);
  });

  test('11.18 counts separately a missed event that had reached no client of the server when its subscriber left', () => {
    const leftAt = (untilMs: number, other: ClientSubscription): DeliveryLog => ({
      ...validLog(),
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

  test('11.18 expects no event that was sent before a subscription, at its end, or that was not accepted', () => {
    expect(found(withSubscription(subscription('grace', [2, 3], { sinceMs: 150 })))).toEqual({});
    const ended = withSubscription(subscription('grace', [1, 2], { untilMs: 311 }), validLog());
    expect(found({ ...ended, rosters: [] }, { settleMs: 50 })).toEqual({ rosters: 1 });
    const refused = { ...validLog(), sent: [...validLog().sent, sent(4, { status: 504 })] };
    expect(found(refused)).toEqual({});
  });

  test('11.18 expects no client event whose sender disconnected while it was in flight', () => {
    const clientEvent = sent(2, { kind: 'clientEvent', user: 'ada', except: 'ada.1' });
    const by = subscription('ada', [1], { untilMs: 250 });
    const lost = { ...validLog(), rosters: [], sent: [sent(1), clientEvent, sent(3)] };
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

  test('11.18 compares the order of events of one publisher only', () => {
    const log = withSent(sent(2, { sender: 'another' }));
    expect(found(withSubscription(subscription('grace', [2, 1, 3]), log))).toEqual({});
  });

  test('11.18 counts separately events that an injected fault may lose, and no others', () => {
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

  test('11.18 accepts the empty array that PHP makes of an empty object in a client event', () => {
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

/** Options for the nodes of a cluster. */
const ofCluster = (more: CheckOptions = {}): CheckOptions => ({
  settleMs: Infinity,
  onceOverAllSockets: false,
  commonOrder: () => true,
  mostMemberChanges: () => 0,
  ...more,
});

/** Events without a sender that orders them: their order follows from the times of sending and from the clients. */
const unordered = (...beganMs: number[]): SentEvent[] =>
  beganMs.map((each, at) => sent(at + 1, { sender: undefined, beganMs: each, endedMs: each + 10 }));

describe('the delivery checker for a cluster', () => {
  test('3.13 finds nothing in a log without faults', () => {
    expect(found(validLog(), ofCluster())).toEqual({});
  });

  test('3.13 finds clients that received concurrent events in different orders', () => {
    const log = { ...validLog(), sent: unordered(100, 100, 100) };
    log.subscriptions[1] = subscription('grace', [1, 3, 2]);
    expect(found(log, ofCluster())).toEqual({ reordered: 1 });
    log.subscriptions[0] = subscription('ada', [1, 3, 2]);
    expect(found(log, ofCluster())).toEqual({});
  });

  test('3.13 finds an order that contradicts the times of sending, except for excepted events', () => {
    const log = { ...validLog(), sent: unordered(100, 200, 300) };
    log.subscriptions.splice(0, 2, subscription('ada', [2, 1, 3]), subscription('grace', [2, 1, 3]));
    expect(found(log, ofCluster())).toEqual({ reordered: 1 });
    expect(found(log, ofCluster({ commonOrder: ({ number }) => number !== 1 }))).toEqual({});
  });

  test('3.13 finds an event received twice on one socket, and allows it again on the next socket', () => {
    const twice = subscription('grace', [1, 2, 2, 3]);
    expect(found(withSubscription(twice), ofCluster({ commonOrder: () => false }))).toMatchObject({
      doubled: 1,
    });
    const { doubled = 0 } = found(receivedTwice(190), ofCluster());
    expect(doubled).toBe(0);
  });

  test('3.13 finds an event that an open subscription misses, and does not check ended ones', () => {
    expect(found(withSubscription(subscription('grace', [1, 3])), ofCluster())).toEqual({ lost: 1 });
    const ended = withSubscription(subscription('grace', [1], { untilMs: 10_000 }));
    expect(found({ ...ended, rosters: [] }, ofCluster())).toEqual({ rosters: 1 });
    const mayBeLost = ({ number }: SentEvent): boolean => number === 2;
    expect(found(withSubscription(subscription('grace', [1, 3])), ofCluster({ mayBeLost }))).toEqual({});
  });

  test('4.4 finds more joins and leaves of a member than those of its sockets', () => {
    const changes = [
      { user: 'joan', kind: 'added', atMs: 150 },
      { user: 'joan', kind: 'removed', atMs: 160 },
    ] as const;
    const log = withSubscription(subscription('grace', [1, 2, 3], { memberChanges: [...changes] }));
    expect(found(log, ofCluster({ mostMemberChanges: () => 1 }))).toEqual({ memberChanges: 1 });
    expect(found(log, ofCluster({ mostMemberChanges: () => 2 }))).toEqual({});
  });

  test('4.4 counts a member from its request on, and checks rosters from the confirmation on', () => {
    const pending = subscription('joan', [], { sinceMs: Infinity, roster: undefined });
    const log = { ...validLog(), subscriptions: [...validLog().subscriptions, pending] };
    expect(found(log, ofCluster())).toEqual({ rosters: 3 });
  });

  test('4.4 unsettled() reports only lost events, wrong rosters and wrong counts', () => {
    expect(unsettled(validLog())).toEqual([]);
    expect(unsettled(withSubscription(subscription('grace', [1, 3])))).toHaveLength(1);
    expect(unsettled(withSubscription(subscription('grace', [1, 2, 2, 3])))).toEqual([]);
    expect(
      unsettled({ ...validLog(), counts: [{ what: 'connections', value: 1, expected: 2 }] }),
    ).toHaveLength(1);
  });
});
