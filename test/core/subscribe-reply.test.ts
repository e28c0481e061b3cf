import { describe, expect, test } from 'vitest';
import { notYetInRoster, isQueuedEvent } from '../../src/core/channels/subscribe-reply.ts';
import type { ChannelEvent } from '../../src/core/ports/events.ts';

const news = (sign: '+' | '-', id: string): ChannelEvent => ({
  payload: `${sign}${id}`,
  memberChange: { id, joined: sign === '+' },
});
const client = (socketId: string) => ({ socketId, earlierSocketIds: [] });
const events = (text: string): ChannelEvent[] =>
  text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => (/^[+-]/.test(word) ? news(word[0] as '+' | '-', word.slice(1)) : { payload: word }));
const roster = (text: string) => Array.from(text, (id) => ({ id, userId: id, infoJson: undefined }));

describe('the events that a new subscriber still gets', () => {
  test.each([
    ['', 'ab', ''],
    ['x y', 'ab', 'x y'],
    ['+b', 'ab', ''],
    ['+b', 'a', '+b'],
    ['-b', 'a', ''],
    ['-b', 'ab', '-b'],
    ['x +b y', 'ab', 'x y'],
    ['+b -b', 'a', '+b -b'],
    ['+b -b', 'ab', '-b'],
    ['-b +b', 'ab', '-b +b'],
    ['-b +b', 'a', '+b'],
    ['+b -b +b', 'ab', '-b +b'],
    ['+b +c -b', 'abc', '-b'],
    ['+__proto__ +constructor', '', '+__proto__ +constructor'],
  ])('4.4 of %j with roster %j: %j', (held, present, expected) => {
    expect(notYetInRoster(events(held), roster(present)).map(({ payload }) => payload)).toEqual(
      events(expected).map(({ payload }) => payload),
    );
  });

  test('3.10 the cached event is not sent separately when it is among the held ones', () => {
    const held = [{ payload: 'one' }, { payload: 'own', except: '1.1' }];
    const remembered = (payload: string) => ({ payload, ttlSeconds: 1 });
    expect(isQueuedEvent(held, remembered('one'), client('1.1'))).toBe(true);
    expect(isQueuedEvent(held, remembered('own'), client('1.1'))).toBe(false);
    expect(isQueuedEvent(held, remembered('own'), client('2.2'))).toBe(true);
    expect(isQueuedEvent(held, remembered('kept'), client('1.1'))).toBe(false);
    expect(isQueuedEvent(held, undefined, client('1.1'))).toBe(false);
  });
});
