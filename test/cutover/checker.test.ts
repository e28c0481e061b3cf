/** The checker finds each kind of fault, and none where there is none. */
import { describe, expect, test } from 'vitest';
import { KINDS, check, type CheckOptions, type Kind } from './checker.ts';
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
  ...{ beganMs: number * 100, endedMs: number * 100 + 10, isTaken: true },
  ...more,
});

const heard = (number: number, more: Partial<ReceivedEvent> = {}): ReceivedEvent => ({
  ...{ number, atMs: number * 100 + 5, data: contentOf(number, CHANNEL) },
  ...more,
});

const stay = (
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
  ...{ roster: ['ada', 'grace'], news: [], heard: numbers.map((number) => heard(number)) },
  ...more,
});

/** Two people, three events, nothing wrong. */
const good = (): DeliveryLog => ({
  ...emptyLog(),
  sent: [1, 2, 3].map((number) => sent(number)),
  stays: [stay('ada', [1, 2, 3]), stay('grace', [1, 2, 3])],
  claims: [{ by: 'the API', channel: CHANNEL, users: ['grace', 'ada'] }],
});

const found = (log: DeliveryLog, options: CheckOptions = {}): Partial<Record<Kind, number>> => {
  const { counts } = check(log, options);
  return Object.fromEntries(KINDS.filter((kind) => counts[kind] > 0).map((kind) => [kind, counts[kind]]));
};

const withStay = (changed: ClientSubscription, log = good()): DeliveryLog => ({
  ...log,
  stays: [log.stays[0]!, changed],
});
const withSent = (changed: SentEvent): DeliveryLog => ({ ...good(), sent: [sent(1), changed, sent(3)] });

describe('11.18 the checker', () => {
  test('11.18 finds nothing in a log without faults', () => {
    const verdict = check(good());
    expect(found(good())).toEqual({});
    expect(verdict).toMatchObject({ deliveries: 6, expected: 6, lostInFaults: 0, examples: [] });
  });

  const faults: readonly [string, DeliveryLog, Partial<Record<Kind, number>>][] = [
    ['an event that one did not hear', withStay(stay('grace', [1, 3])), { lost: 1 }],
    ['an event that nobody heard', withSent(sent(2, { number: 9, place: 2 })), { lost: 2, invented: 2 }],
    ['an event that came twice', withStay(stay('grace', [1, 2, 2, 3])), { doubled: 1 }],
    ['an event before its elder', withStay(stay('grace', [1, 3, 2])), { reordered: 1 }],
    ['an event that left the socket out', withSent(sent(2, { except: 'grace.1' })), { excluded: 1 }],
    ['an event of another channel', withSent(sent(2, { channel: 'else' })), { invented: 2 }],
    [
      'another content',
      withStay(stay('grace', [], { heard: [heard(1), heard(2, { data: 'x' }), heard(3)] })),
      { altered: 1 },
    ],
    [
      'a whisper from somebody else',
      withSent(sent(2, { kind: 'whisper', user: 'ada', except: 'ada.1' })),
      { misattributed: 2, excluded: 1 },
    ],
    [
      'a member who came while being there',
      withStay(stay('grace', [1, 2, 3], { news: [{ user: 'ada', kind: 'added', atMs: 150 }] })),
      { flickered: 1 },
    ],
    [
      'a member who left without being there',
      withStay(stay('grace', [1, 2, 3], { news: [{ user: 'joan', kind: 'removed', atMs: 150 }] })),
      { flickered: 1 },
    ],
    [
      'a member who is gone and still on a list',
      withStay(stay('grace', [1, 2, 3], { roster: ['ada', 'grace', 'joan'] })),
      { rosters: 1 },
    ],
    [
      'a member who is missing on a list',
      withStay(stay('grace', [1, 2, 3], { roster: ['grace'] })),
      { rosters: 1 },
    ],
    [
      'a server that lists somebody else',
      { ...good(), claims: [{ by: 'R', channel: CHANNEL, users: ['ada', 'grace', 'joan'] }] },
      { rosters: 1 },
    ],
    [
      'a server that lists somebody twice',
      { ...good(), claims: [{ by: 'R', channel: CHANNEL, users: ['ada', 'ada', 'grace'] }] },
      { rosters: 1 },
    ],
  ];
  test.each(faults)('11.18 finds %s', (_what, log, expected) => {
    expect(found(log)).toEqual(expected);
    expect(check(log).examples.length).toBeGreaterThan(0);
  });

  /** Grace hears 2 on her first socket, and again on the next. */
  const heardTwice = (sinceMs: number) => {
    const log = good();
    const [first, second] = log.stays as [ClientSubscription, ClientSubscription];
    const moved = stay('grace', [2, 3], { socket: 'grace.2', sinceMs });
    log.stays.splice(0, 2, first, { ...second, heard: [heard(1), heard(2)], untilMs: sinceMs - 10 }, moved);
    return log;
  };

  test('11.18 finds an event that was heard on the old socket and again on the new one', () => {
    expect(found(heardTwice(190), { settleMs: 0 })).toEqual({ doubled: 1 });
  });

  test('11.18 counts an event apart that was sent before the new socket came', () => {
    expect(found(heardTwice(250), { settleMs: 0 })).toEqual({});
    expect(check(heardTwice(250), { settleMs: 0 }).overtaken).toBe(1);
  });

  test('11.18 counts an event apart that had come to nobody of a side when its listener left', () => {
    const leftAt = (untilMs: number, other: ClientSubscription): DeliveryLog => ({
      ...good(),
      claims: [],
      stays: [stay('grace', [1], { untilMs, user: undefined }), other],
    });
    const late = stay('ada', [1, 3], {
      heard: [heard(1), ...[2, 3].map((each) => heard(each, { atMs: 700 + each }))],
      user: undefined,
    });
    const soon = stay('ada', [1, 2, 3], { user: undefined });
    const options = { settleMs: 50 };
    expect(check(leftAt(400, late), options)).toMatchObject({ outrun: 2, counts: { lost: 0 } });
    expect(check(leftAt(400, soon), options)).toMatchObject({ outrun: 0, counts: { lost: 2 } });
    expect(check(leftAt(6000, late), options)).toMatchObject({ outrun: 0, counts: { lost: 2 } });
  });

  test('11.18 does not miss what was sent before a stay, at its end, or without a yes', () => {
    expect(found(withStay(stay('grace', [2, 3], { sinceMs: 150 })))).toEqual({});
    const ended = withStay(stay('grace', [1, 2], { untilMs: 311 }), good());
    expect(found({ ...ended, claims: [] }, { settleMs: 50 })).toEqual({ rosters: 1 });
    const refused = { ...good(), sent: [...good().sent, sent(4, { isTaken: false })] };
    expect(found(refused)).toEqual({});
  });

  test('11.18 does not miss a whisper whose socket ended while it was on its way', () => {
    const whisper = sent(2, { kind: 'whisper', user: 'ada', except: 'ada.1' });
    const by = stay('ada', [1], { untilMs: 250 });
    const lost = { ...good(), claims: [], sent: [sent(1), whisper, sent(3)] };
    const log = (end: number, ...others: ClientSubscription[]): DeliveryLog => ({
      ...lost,
      stays: [{ ...by, untilMs: end }, stay('grace', [1, 3], { roster: ['grace'] }), ...others],
    });
    const another = stay('joan', [1, 2, 3], { user: undefined, roster: undefined });
    const third = { ...another, heard: [heard(1), heard(2, { user: 'ada' }), heard(3)] };
    expect(check(log(250), { settleMs: 50 })).toMatchObject({ outrun: 0, examples: [] });
    expect(check(log(290), { settleMs: 50 })).toMatchObject({ outrun: 1, examples: [] });
    expect(check(log(290, third), { settleMs: 50 })).toMatchObject({ outrun: 0, counts: { lost: 1 } });
  });

  test('11.18 does not take two publishers for one', () => {
    const log = withSent(sent(2, { lane: 'another' }));
    expect(found(withStay(stay('grace', [2, 1, 3]), log))).toEqual({});
  });

  test('11.18 counts apart what was lost by what was broken, and only that', () => {
    const broken = (mayLose: boolean): DeliveryLog => ({
      ...withStay(stay('grace', [1, 3])),
      faults: [{ what: 'cut', beganMs: 190, endedMs: 220, mayLose: () => mayLose }],
    });
    expect(found(broken(true))).toEqual({});
    expect(check(broken(true)).lostInFaults).toBe(1);
    expect(found(broken(false))).toEqual({ lost: 1 });
    const later = { ...broken(true), faults: [{ ...broken(true).faults[0]!, beganMs: 215, endedMs: 299 }] };
    expect(found(later)).toEqual({ lost: 1 });
  });

  test('11.18 takes what PHP makes of an empty object inside a whisper for the same', () => {
    const content = contentOf(2, CHANNEL);
    const data = { ...content, nested: { ...content.nested, empty: [] } };
    expect(found(withStay(stay('grace', [], { heard: [heard(1), heard(2, { data }), heard(3)] })))).toEqual(
      {},
    );
  });
});
