import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decode, encode, plainClientEvent, ProtocolError } from '#protocol';

const anyText = fc.string({ unit: 'binary' });
const hostile = fc.constantFrom(
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'then',
);
const key = fc.oneof(
  hostile,
  fc.constantFrom('event', 'data', 'channel', 'auth', 'channel_data', 'user_data', 'user_id'),
  anyText,
);
const eventName = fc.oneof(
  fc.constantFrom('pusher:subscribe', 'pusher:unsubscribe', 'pusher:signin', 'pusher:ping', 'pusher:pong'),
  fc.constantFrom('pusher:what', 'pusher_internal:member_added', 'client-', 'client-x', '', '__proto__'),
  anyText,
);
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.jsonValue(),
    hostile,
    fc.array(tie('value'), { maxLength: 4 }),
    // Entries, so that `__proto__` is a key like any other.
    fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map((entries) => new Map(entries)),
    tie('value').map((value) => textOf(value)),
  ),
}));

/** JSON text in which a Map is an object: every key is written, `__proto__` and repeated ones too. */
function textOf(value: unknown): string {
  if (value instanceof Map)
    return `{${[...value].map(([name, item]) => `${JSON.stringify(name)}:${textOf(item)}`).join(',')}}`;
  if (Array.isArray(value)) return `[${value.map(textOf).join(',')}]`;
  return JSON.stringify(value);
}

const textOrAny = fc.oneof(anyText, anyValue);
const fields = (names: Readonly<Record<string, fc.Arbitrary<unknown>>>) =>
  fc.record(names, { requiredKeys: [] }).map((record) => new Map(Object.entries(record)));
const likeData = fields({
  channel: textOrAny,
  auth: textOrAny,
  channel_data: textOrAny,
  user_data: textOrAny,
});
const likeAMessage = fields({
  event: fc.oneof({ weight: 9, arbitrary: eventName }, anyValue),
  data: fc.oneof(likeData, likeData.map(textOf), anyValue),
  channel: textOrAny,
}).map(textOf);
const cutShort = fc.tuple(likeAMessage, fc.nat()).map(([text, at]) => text.slice(0, at % (text.length + 1)));
const frame = fc.oneof({ weight: 5, arbitrary: likeAMessage }, cutShort, anyText, anyValue.map(textOf));

const KINDS = ['subscribe', 'unsubscribe', 'signin', 'client-event', 'ping', 'pong', 'ignored'];

test('1.5 every input is decoded or refused with 4200', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(frame, (text) => {
      try {
        seen.add(decode(text).kind);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
        expect(error).toMatchObject({ code: 4200, closes: false });
        seen.add('refused');
      }
    }),
    { numRuns: 5_000 },
  );
  expect([...seen].sort()).toEqual([...KINDS, 'refused'].sort());
});

test('1.5 no input changes Object.prototype', () => {
  const before = Object.getOwnPropertyNames(Object.prototype);
  fc.assert(
    fc.property(key, anyValue, eventName, (name, value, event) => {
      const inner = new Map([[name, value]]);
      for (const data of [inner, textOf(inner)]) {
        const text = textOf(
          new Map<string, unknown>([
            ['event', event],
            ['channel', 'private-a'],
            ['data', data],
            [name, inner],
          ]),
        );
        try {
          decode(text);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }
      expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
    }),
    { numRuns: 2_000 },
  );
});

test('5.3 the data of a client event is relayed with the same value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), anyText, (data, channel) => {
      const message = decode(JSON.stringify({ event: 'client-x', channel, data }));
      if (message.kind !== 'client-event') throw new Error(message.kind);
      const relayed = JSON.parse(encode.event(message.name, message.dataJson, message.channel)) as unknown;
      expect(relayed).toEqual(JSON.parse(JSON.stringify({ event: 'client-x', data, channel })));
    }),
  );
});

test('3.13 an event parses back to what was published', () => {
  fc.assert(
    fc.property(
      anyText,
      anyText,
      anyText,
      fc.option(anyText, { nil: undefined }),
      (event, data, channel, userId) => {
        const text = encode.event(event, JSON.stringify(data), channel, userId);
        const expected = { event, data, channel, ...(userId === undefined ? {} : { user_id: userId }) };
        expect(JSON.parse(text)).toEqual(expected);
        expect(Object.keys(JSON.parse(text) as object)).toEqual(Object.keys(expected));
      },
    ),
  );
});

test('1.2 the server’s own data is the same after both encodings', () => {
  fc.assert(
    fc.property(anyText, (userData) => {
      const { data } = JSON.parse(encode.signinSuccess(userData)) as { data: string };
      expect(JSON.parse(data)).toEqual({ user_data: userData });
    }),
  );
});

const whisperName = fc.oneof(
  fc.constantFrom('client-', 'client-x', 'pusher:x'),
  anyText.map((text) => `client-${text}`),
);
const keyed = (name: string, value: fc.Arbitrary<unknown>) =>
  value.map((each) => `"${name}":${textOf(each)}`);
const whisperKeys = fc.tuple(
  keyed('event', whisperName),
  keyed('data', fc.oneof(anyValue, fc.constant(',"channel":"private-a"}'))),
  keyed('channel', fc.oneof(fc.constant('private-a'), anyText)),
);
const more = fc.oneof(keyed('event', whisperName), keyed('data', anyValue), keyed('user_id', anyText));
/** In either order, or in none, and now and then with a key too many. */
const whisper = fc.oneof(
  whisperKeys.map((keys) => `{${keys.join(',')}}`),
  whisperKeys.map(([event, data, channel]) => `{${[event, channel, data].join(',')}}`),
  fc
    .tuple(whisperKeys, more, fc.nat(3))
    .map(([keys, key, at]) => `{${keys.toSpliced(at, 0, key).join(',')}}`),
  frame,
);

test('5.3 the fast and the full way of decoding a client event agree', () => {
  let plain = 0;
  fc.assert(
    fc.property(whisper, (text) => {
      const found = plainClientEvent(text);
      if (found?.kind !== 'client-event') return;
      plain += 1;
      const { name, channel, dataJson } = found;
      const [event, on] = [JSON.stringify(name), JSON.stringify(channel)];
      expect([
        `{"event":${event},"data":${dataJson},"channel":${on}}`,
        `{"event":${event},"channel":${on},"data":${dataJson}}`,
      ]).toContain(text);
      const { data } = JSON.parse(text) as { data: unknown };
      expect(JSON.parse(dataJson)).toEqual(data);
    }),
    { numRuns: 2000 },
  );
  expect(plain).toBeGreaterThan(200);
});
