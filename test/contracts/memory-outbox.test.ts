import { expect, onTestFinished, test, vi } from 'vitest';
import { MemoryOutbox, type SavedOutbox } from '../../src/stores/memory/outbox/outbox.ts';
import { brief, takeAll, wishesOf } from './outbox.ts';

const ROOM = { app: 'a', channel: 'room' };
const missed = { type: 'cache_miss', ref: ROOM, fields: {} } as const;

/** Saves an outbox as a file keeps it. */
const saved = (outbox: MemoryOutbox): SavedOutbox => {
  outbox.stop();
  return JSON.parse(JSON.stringify(outbox.save())) as SavedOutbox;
};

test('9.6 the next process continues with what waits, its attempts and its id', async () => {
  const before = new MemoryOutbox(wishesOf());
  await before.add(missed);
  const [entry] = await takeAll(before, 'one', 1);
  await before.failed('one', entry!.id, 2);
  before.transitions.vacated(ROOM);
  const after = new MemoryOutbox(wishesOf({ smoothingMs: 0 }));
  after.load(saved(before));
  const [first, second] = await takeAll(after, 'one', 2);
  expect(first).toEqual({ ...entry, attempts: 2 });
  expect(brief(second!)).toBe('channel_vacated room');
  after.stop();
});

test('9.5 an endpoint that is gone gets nothing of what waited', async () => {
  const before = new MemoryOutbox(wishesOf());
  await before.add(missed);
  const after = new MemoryOutbox(wishesOf({ endpoints: ['two'] }));
  after.load(saved(before));
  expect(await after.take('one', 10)).toEqual([]);
  const [entry] = await takeAll(after, 'two', 1);
  await after.done('two', [entry!.id]);
  expect(after.save().events).toEqual([]);
});

test.each([1, 2, 3, 4, 5])(
  '9.6 what ends together is told in its order, when the clock goes on before it is read the %d. time',
  async (step) => {
    let reads = 0;
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => ((reads += 1) < step ? 1000 : 1001));
    onTestFinished(() => clock.mockRestore());
    const outbox = new MemoryOutbox(wishesOf({ smoothingMs: 30 }));
    onTestFinished(() => outbox.stop());
    outbox.transitions.removed(ROOM, 'ann');
    outbox.transitions.vacated(ROOM);
    const events = await takeAll(outbox, 'one', 2);
    expect(events.map(brief)).toEqual(['member_removed room ann', 'channel_vacated room']);
  },
);
