import { expect, test } from 'vitest';
import {
  checkClientEventName,
  clientEventRefusal,
  errors,
  isClientEvent,
  kindOf,
  ProtocolError,
} from '#protocol';

test.each([
  ['client-typing', true],
  ['client-', true],
  ['client', false],
  ['Client-typing', false],
  ['x-client-typing', false],
  ['pusher:client-typing', false],
])('5.3 "%s" is a client event: %s', (name, is) => {
  expect(isClientEvent(name)).toBe(is);
});

const channels = [
  { channel: 'private-a', closed: true, open: true },
  { channel: 'presence-a', closed: true, open: true },
  { channel: 'private-cache-a', closed: true, open: true },
  { channel: 'presence-cache-a', closed: true, open: true },
  { channel: 'orders', closed: false, open: true },
  { channel: 'cache-a', closed: false, open: true },
  { channel: 'private-encrypted-a', closed: false, open: false },
  { channel: 'private-encrypted-cache-a', closed: false, open: false },
  { channel: '#server-to-user-42', closed: false, open: false },
  { channel: '#private-a', closed: false, open: false },
];

test.each(channels)(
  '5.2 client events on $channel are allowed: $closed; when public channels take them: $open',
  ({ channel, closed, open }) => {
    const refusal = (allowOnPublic: boolean) => clientEventRefusal(kindOf(channel), channel, allowOnPublic);
    expect(refusal(false)).toBe(closed ? undefined : errors.clientEventNotAllowed);
    expect(refusal(true)).toBe(open ? undefined : errors.clientEventNotAllowed);
  },
);

test.each([
  ['200 characters', 'client-'.padEnd(200, 'x'), true],
  ['201 characters', 'client-'.padEnd(201, 'x'), false],
  ['a backslash, a space, letters beyond ASCII', 'client-A\\b é🎧', true],
  ['a line break', 'client-a\nb', false],
  ['a zero byte', 'client-\u0000', false],
  ['an escape character', 'client-\u001b[31m', false],
  ['a C1 control character', 'client-\u0085', false],
])('5.5 a name with %s', (_what, name, allowed) => {
  const check = () => checkClientEventName(name, 200, 'private-a');
  if (allowed) expect(check).not.toThrow();
  else expect(check).toThrow(new ProtocolError(errors.clientEventName, { channel: 'private-a' }));
});

test('5.5 a limit of 0 allows any length', () => {
  expect(() => checkClientEventName('client-'.padEnd(50_000, 'x'), 0)).not.toThrow();
});
