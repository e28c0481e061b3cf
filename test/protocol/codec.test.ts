import { expect, test } from 'vitest';
import {
  decode,
  encode,
  errors,
  invalidChannel,
  type Member,
  ProtocolError,
  serverEvents,
  subscriptionLimit,
  subscriptionUnauthorized,
} from '#protocol';
import frames from '../../protocol/vectors/frames.json' with { type: 'json' };
import malformed from '../../protocol/vectors/malformed.json' with { type: 'json' };

const encoders = encode as unknown as Record<string, (...args: unknown[]) => string>;

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

test.each(frames.fromClient)('$rule decodes: $title', ({ frame, message }) => {
  expect(decode(frame)).toEqual(message);
});

test.each(frames.fromServer)('$rule encodes: $title', ({ call, args, frame }) => {
  expect(encoders[call]?.(...args)).toBe(frame);
});

test.each(malformed.frames)('$rule malformed: $title', ({ frame }) => {
  const error = thrownBy(() => decode(frame));
  expect(error).toBeInstanceOf(ProtocolError);
  const { code, message, closes } = error as ProtocolError;
  expect(encode.error(code, message)).toBe(malformed.answer);
  expect(closes).toBe(false);
});

test.each([
  ['a client event', (deep: string) => `{"event":"client-x","channel":"private-a","data":${deep}}`],
  [
    'a client event, in an object',
    (deep: string) => `{"event":"client-x","channel":"private-a","data":{"a":${deep}}}`,
  ],
  ['a frame', (deep: string) => deep],
  ['a subscription', (deep: string) => `{"event":"pusher:subscribe","data":${deep}}`],
  ['a subscription, in a string', (deep: string) => `{"event":"pusher:subscribe","data":"${deep}"}`],
])('1.5 nesting that is too deep is malformed: %s', (_what, frame) => {
  const error = thrownBy(() => decode(frame('['.repeat(100_000) + ']'.repeat(100_000))));
  expect(error).toBeInstanceOf(ProtocolError);
  expect(error).toMatchObject({ code: errors.invalidMessage.code, closes: false });
});

test('1.5 reads only the sender’s own fields, not inherited ones', () => {
  Object.defineProperty(Object.prototype, 'channel', { value: 'private-a', configurable: true });
  try {
    expect(thrownBy(() => decode('{"event":"pusher:subscribe","data":{}}'))).toBeInstanceOf(ProtocolError);
    expect(thrownBy(() => decode('{"event":"client-x","data":1}'))).toBeInstanceOf(ProtocolError);
  } finally {
    Reflect.deleteProperty(Object.prototype, 'channel');
  }
});

test('1.2 data of every server frame except errors is a string that holds JSON', () => {
  const own = frames.fromServer.filter(({ call }) => call !== 'event' && call !== 'error');
  expect(own.length).toBeGreaterThan(10);
  for (const { frame } of own) {
    const { data } = JSON.parse(frame) as { data: unknown };
    expect(data).toBeTypeOf('string');
    expect(JSON.parse(data as string)).toBeTypeOf('object');
  }
});

test('1.8 the server’s own events have reserved names only', () => {
  for (const name of Object.values(serverEvents))
    expect(name).toMatch(/^(pusher(_internal)?|wavehall):[a-z_]+$/);
});

test('3.6 a failed authorisation is sent as both frames, in their order', () => {
  expect(encode.failure(subscriptionUnauthorized('private-a'))).toEqual([
    '{"event":"pusher:subscription_error","data":"{\\"type\\":\\"AuthError\\",\\"error\\":\\"Connection is unauthorized\\",\\"status\\":401}","channel":"private-a"}',
    '{"event":"pusher:error","data":{"code":4009,"message":"Connection is unauthorized"}}',
  ]);
});

test('3.6 a refused name and a limit are sent as one frame', () => {
  for (const error of [invalidChannel('a'), subscriptionLimit('presenceMembers', 'a', 'Too many.')]) {
    const eventNames = encode.failure(error).map((frame) => (JSON.parse(frame) as { event: string }).event);
    expect(eventNames).toEqual(['pusher:subscription_error']);
  }
});

test('1.3 every other failure is an error frame, with the channel when there is one', () => {
  expect(encode.failure(new ProtocolError(errors.rateLimit))).toEqual([
    encode.error(4301, 'Rate limit exceeded'),
  ]);
  expect(encode.failure(new ProtocolError(errors.notAMember, { channel: 'private-a' }), true)).toEqual([
    encode.error(4009, 'The client is not a member of the specified channel.', true, 'private-a'),
  ]);
});

test('3.6 a failure without a channel is encoded too', () => {
  const { subscription } = subscriptionUnauthorized('private-a');
  const [frame = ''] = encode.failure(new ProtocolError(errors.unauthorized, { subscription }));
  expect(JSON.parse(frame)).toMatchObject({ event: 'pusher:subscription_error', channel: '' });
});

test('4.3 a roster is built from any iterable', () => {
  const member: Member = { id: '7', userId: 7, infoJson: undefined };
  expect(encode.subscriptionSucceeded('presence-a', new Map([['7', member]]).values())).toBe(
    encode.subscriptionSucceeded('presence-a', [member]),
  );
});
