import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Inbox } from '../../../src/transports/http-fallback/inbox.ts';

const message = (text: string): Buffer => Buffer.from(text);
const many = (count: number): Buffer[] => Array.from({ length: count }, (_, at) => message(`${at}`));

/** An inbox with room for 10 messages of 100 bytes together. */
function open() {
  const delivered: string[] = [];
  const state = { isStopped: false, isOver: false, stopAfter: Infinity };
  const inbox: Inbox = new Inbox({
    limits: { waitingMessages: 10, waitingBytes: 100 },
    timeSlice: { isOver: () => state.isOver },
    isStopped: () => state.isStopped,
    deliver: (each) => {
      delivered.push(each.toString());
      if (delivered.length === state.stopAfter) state.isStopped = true;
    },
  });
  return { inbox, delivered, state };
}

test('10.6 delivers at once, in order', () => {
  const { inbox, delivered } = open();
  expect(inbox.add(many(50))).toBe(true);
  expect(delivered).toEqual(many(50).map(String));
});

test('10.6 messages wait while the session is not read, and go on in order', () => {
  const { inbox, delivered, state } = open();
  state.stopAfter = 2;
  expect(inbox.add(many(5))).toBe(true);
  expect(inbox.add([message('last')])).toBe(true);
  expect(delivered).toEqual(['0', '1']);
  state.isStopped = false;
  inbox.deliver();
  expect(delivered).toEqual(['0', '1', '2', '3', '4', 'last']);
});

test('10.6 as many messages wait as may, and with one more nothing waits', () => {
  const { inbox, delivered, state } = open();
  state.isStopped = true;
  expect(inbox.add(many(10))).toBe(true);
  expect(inbox.add([message('')])).toBe(false);
  state.isStopped = false;
  inbox.deliver();
  expect(delivered).toEqual([]);
});

test('10.6 as many bytes wait as may, and not one more', () => {
  const { inbox, state } = open();
  state.isStopped = true;
  expect(inbox.add([message('x'.repeat(100))])).toBe(true);
  expect(inbox.add([message('x')])).toBe(false);
});

test('2.12 other sockets are served between the messages of a session', async () => {
  const { inbox, delivered, state } = open();
  state.isOver = true;
  expect(inbox.add(many(5))).toBe(true);
  expect(delivered).toEqual([]);
  state.isOver = false;
  await turn();
  expect(delivered).toHaveLength(5);
});
