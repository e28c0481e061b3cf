/** The checker of the fault tests of webhooks: it notices what they would have to report. */
import { expect, test } from 'vitest';
import { type Arrival, checkDeliveries, type Happening } from './checker.ts';

const LIFE: readonly Happening[] = [
  { channel: 'a', name: 'channel_occupied' },
  { channel: 'a', name: 'member_added', user: 'u' },
  { channel: 'a', name: 'channel_vacated' },
  { channel: 'a', name: 'channel_occupied' },
];
const arrival = (at: number, accepted: Arrival['accepted'] = 'sure', event = LIFE[at]!): Arrival => ({
  delivery: `d${at}`,
  event,
  accepted,
});
const ALL = [0, 1, 2, 3].map((at) => arrival(at));
const FINE = {
  events: 4,
  arrived: 4,
  missing: [],
  invented: [],
  duplicates: 0,
  needless: [],
  outOfOrder: [],
};

test('9.6 all in their order is fine, whatever was refused before', () => {
  expect(checkDeliveries(LIFE, ALL)).toEqual(FINE);
  expect(checkDeliveries(LIFE, [arrival(0, 'none'), ...ALL])).toEqual(FINE);
});

test('9.6 channels have no order between them', () => {
  const other = { channel: 'b', name: 'channel_occupied' };
  const happened = [other, ...LIFE];
  expect(checkDeliveries(happened, [...ALL, { ...arrival(9, 'sure', other) }])).toEqual({
    ...FINE,
    events: 5,
    arrived: 5,
  });
});

test('9.6 notices what is missing: never sent, or only refused', () => {
  const missing = ['a channel_occupied  #2'];
  for (const arrivals of [ALL.slice(0, 3), [...ALL.slice(0, 3), arrival(3, 'none')]])
    expect(checkDeliveries(LIFE, arrivals)).toEqual({ ...FINE, arrived: 3, missing });
});

test('9.6 notices what never happened', () => {
  const extra = arrival(9, 'sure', { channel: 'a', name: 'channel_vacated' });
  expect(checkDeliveries(LIFE, [...ALL, extra])).toEqual({
    ...FINE,
    arrived: 5,
    invented: ['a channel_vacated  #2'],
  });
});

test('9.6 counts what came again, and notices when the sender knew', () => {
  expect(checkDeliveries(LIFE, [arrival(0, 'unsure'), ...ALL])).toEqual({ ...FINE, duplicates: 1 });
  expect(checkDeliveries(LIFE, [arrival(0), ...ALL])).toEqual({ ...FINE, duplicates: 1, needless: ['d0'] });
});

test('9.6 notices what is out of order, by its first arrival', () => {
  const [first, second, ...others] = ALL as [Arrival, Arrival, ...Arrival[]];
  expect(checkDeliveries(LIFE, [second, first, ...others])).toEqual({
    ...FINE,
    outOfOrder: ['a channel_occupied  #1'],
  });
  const unsure = { ...first, accepted: 'unsure' } as const;
  expect(checkDeliveries(LIFE, [unsure, second, first, ...others])).toEqual({ ...FINE, duplicates: 1 });
});
