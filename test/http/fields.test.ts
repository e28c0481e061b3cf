import { beforeEach, describe, expect, test, vi } from 'vitest';
import { testApp } from '../core/fakes.ts';
import { EVENT, type Http, openHttp, shown } from './fixture.ts';

let http: Http;
beforeEach(async () => {
  http = await openHttp();
});

/** The event with some fields changed; `undefined` takes one away. */
const event = (changes: object) => ({ ...EVENT, ...changes });

const NAME = { name: ['The name field is required.'] };
const NAME_TEXT = { name: ['The name field must be a string.'] };
const DATA = { data: ['The data field is required.'] };
const DATA_TEXT = { data: ['The data field must be a string.'] };
const CHANNEL_TEXT = { channel: ['The channel field must be a string.'] };
const NO_CHANNELS = {
  channels: ['The channels field is required when channel is not present.'],
  channel: ['The channel field is required when channels is not present.'],
};
const NO_LIST = { channels: ['The channels field must be an array.'] };

describe('POST /events', () => {
  test.each<[object, object]>([
    [{ name: undefined }, NAME],
    [{ name: null }, NAME],
    [{ name: '' }, NAME],
    [{ name: [] }, NAME],
    [{ name: 7 }, NAME_TEXT],
    [{ name: false }, NAME_TEXT],
    [{ name: {} }, NAME_TEXT],
    [{ name: ['e'] }, NAME_TEXT],
    [{ data: undefined }, DATA],
    [{ data: null }, DATA],
    [{ data: 0 }, DATA_TEXT],
    [{ data: { id: 7 } }, DATA_TEXT],
    [{ data: ['x'] }, DATA_TEXT],
    [{ channel: undefined }, NO_CHANNELS],
    [{ channel: null }, NO_CHANNELS],
    [{ channel: '' }, NO_CHANNELS],
    [{ channel: undefined, channels: [] }, NO_CHANNELS],
    [{ channel: undefined, channels: null }, NO_CHANNELS],
    [{ channel: 7 }, CHANNEL_TEXT],
    [{ channel: ['orders'] }, CHANNEL_TEXT],
    [{ channel: { 0: 'orders' } }, CHANNEL_TEXT],
    [{ channels: 'orders' }, NO_LIST],
    [{ channels: 7 }, NO_LIST],
    [{ channels: { 0: 'orders' } }, NO_LIST],
    [{ channels: ['orders', 7] }, { 'channels.1': ['The channels.1 field must be a string.'] }],
    [
      { channels: [null, 'orders', ['x']] },
      {
        'channels.0': ['The channels.0 field must be a string.'],
        'channels.2': ['The channels.2 field must be a string.'],
      },
    ],
    [{ socket_id: 7 }, { socket_id: ['The socket id field must be a string.'] }],
    [{ socket_id: ['1.2'] }, { socket_id: ['The socket id field must be a string.'] }],
    [{ info: ['user_count'] }, { info: ['The info field must be a string.'] }],
    [
      { name: undefined, data: 5, channel: undefined, info: 5 },
      { ...NAME, ...DATA_TEXT, ...NO_CHANNELS, info: ['The info field must be a string.'] },
    ],
  ])("8.4 answers %j with 422 and Laravel's messages", async (changes, bag) => {
    const publish = vi.spyOn(http.stores.broker, 'publish');
    const answer = await http.post('/events', event(changes));
    expect(shown(answer)).toEqual([422, bag]);
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(publish).not.toHaveBeenCalled();
  });

  test('8.4 names every missing field of an empty object, literally', async () => {
    const { body } = await http.post('/events', '{}');
    expect(JSON.stringify(body)).toBe(
      '{"name":["The name field is required."],"data":["The data field is required."],"channels":["The channels field is required when channel is not present."],"channel":["The channel field is required when channels is not present."]}',
    );
  });

  test('8.4 ignores fields that are inherited from Object', async () => {
    const body = '{"__proto__":{"name":"e","data":"d","channel":"orders"}}';
    expect((await http.post('/events', body)).status).toBe(422);
  });

  test.each([
    { data: '' },
    { socket_id: null },
    { socket_id: '1.2' },
    { info: null },
    { info: '' },
    { channel: 'orders', channels: null },
    { channel: '', channels: ['orders'] },
    { whatever: { else: 1 } },
  ])('8.4 accepts %j', async (changes) => {
    expect(shown(await http.post('/events', event(changes)))).toEqual([200, {}]);
  });
});

describe('POST /batch_events', () => {
  test.each<[unknown, object]>([
    [undefined, { batch: ['The batch field is required.'] }],
    [null, { batch: ['The batch field is required.'] }],
    [[], { batch: ['The batch field is required.'] }],
    ['x', { batch: ['The batch field must be an array.'] }],
    [{ 0: EVENT }, { batch: ['The batch field must be an array.'] }],
    [[event({ name: undefined })], { 'batch.0.name': ['The batch.0.name field is required.'] }],
    [[EVENT, event({ name: 7 })], { 'batch.1.name': ['The batch.1.name field must be a string.'] }],
    [[event({ data: null }), EVENT], { 'batch.0.data': ['The batch.0.data field is required.'] }],
    [[event({ data: {} })], { 'batch.0.data': ['The batch.0.data field must be a string.'] }],
    [[event({ channel: 7 })], { 'batch.0.channel': ['The batch.0.channel field must be a string.'] }],
    [
      [event({ channel: undefined, channels: ['orders'] })],
      { 'batch.0.channel': ['The batch.0.channel field is required when channels is not present.'] },
    ],
    [[event({ socket_id: 7 })], { 'batch.0.socket_id': ['The batch.0.socket_id field must be a string.'] }],
    [[event({ info: 7 })], { 'batch.0.info': ['The batch.0.info field must be a string.'] }],
    [
      [EVENT, 'x'],
      {
        'batch.1.name': ['The batch.1.name field is required.'],
        'batch.1.data': ['The batch.1.data field is required.'],
        'batch.1.channel': ['The batch.1.channel field is required when channels is not present.'],
      },
    ],
  ])('8.5 answers %j with 422 and publishes nothing of it', async (batch, bag) => {
    const publish = vi.spyOn(http.stores.broker, 'publish');
    expect(shown(await http.post('/batch_events', { batch }))).toEqual([422, bag]);
    expect(publish).not.toHaveBeenCalled();
  });

  test.each([
    [{ name: 'x'.repeat(201) }, 400],
    [{ name: 'a\u0000b' }, 400],
    [{ channel: 'or ders' }, 400],
    [{ socket_id: 'x' }, 400],
    [{ data: 'x'.repeat(10_241) }, 413],
  ])('8.5 refuses a whole batch for one event above a limit: %.40j: %i', async (changes, status) => {
    const publish = vi.spyOn(http.stores.broker, 'publish');
    const batch = [EVENT, event(changes), EVENT];
    expect((await http.post('/batch_events', { batch })).status).toBe(status);
    expect(publish).not.toHaveBeenCalled();
  });
});

describe('limits', () => {
  const x = (count: number) => 'x'.repeat(count);
  const names = (count: number) => Array.from({ length: count }, (_, at) => `c${at}`);
  const over = (status: number, text: string) => [status, text];
  const TAKEN = [200, {}];

  test.each([
    [200, 'x', TAKEN],
    [201, 'x', over(400, 'The event name is longer than 200 characters or has control characters.')],
    [200, 'ü', TAKEN],
  ])('8.12 answers an event name of %i characters with %s', async (length, letter, expected) => {
    expect(shown(await http.post('/events', event({ name: letter.repeat(length) })))).toEqual(expected);
  });

  test.each([
    [10_240, 'x', 1],
    [10_240, 'ü', 2],
    [10_240, '\u0000', 1],
    [10_240, '"', 1],
  ])('8.12 accepts data of %i bytes made of %j, and refuses one byte more', async (bytes, letter, each) => {
    const data = letter.repeat(bytes / each);
    expect(shown(await http.post('/events', event({ data })))).toEqual(TAKEN);
    expect(shown(await http.post('/events', event({ data: `${data}x` })))).toEqual(
      over(413, 'The data content of this event exceeds the allowed maximum (10240 bytes).'),
    );
  });

  test('8.12 accepts a publish to 100 different channels and refuses one to 101', async () => {
    const many = (channels: string[]) => http.post('/events', event({ channel: undefined, channels }));
    expect(shown(await many(names(100)))).toEqual(TAKEN);
    expect(shown(await many([...names(100), ...names(100)]))).toEqual(TAKEN);
    expect(shown(await many(names(101)))).toEqual(
      over(400, 'An event can be sent to at most 100 channels at once.'),
    );
  });

  test('8.12 accepts a batch of 10 events and refuses one of 11', async () => {
    const batch = (length: number) =>
      http.post('/batch_events', { batch: Array.from({ length }, () => EVENT) });
    expect(shown(await batch(10))).toEqual([200, {}]);
    expect(shown(await batch(11))).toEqual(
      over(400, 'Batch too large: at most 10 events can be sent at once.'),
    );
  });

  test('8.12 accepts a body of 131072 bytes and refuses one byte more, signed or not', async () => {
    const body = (bytes: number) => {
      const text = JSON.stringify(EVENT);
      return text + ' '.repeat(bytes - text.length);
    };
    expect(shown(await http.post('/events', body(131_072)))).toEqual(TAKEN);
    for (const path of ['/events', '/batch_events', '/users/7/terminate_connections']) {
      expect(shown(await http.post(path, body(131_073)))).toEqual(over(413, 'Payload too large.'));
    }
    const unsigned = { body: body(131_073) };
    expect((await http.send('POST', '/apps/app-id/events', unsigned)).status).toBe(413);
    const huge = { body: body(2_000_000) };
    expect(shown(await http.send('POST', '/apps/app-id/events', huge))).toEqual(
      over(413, 'Payload too large.'),
    );
  });

  test('3.2 accepts a channel name of 200 characters and refuses 201', async () => {
    expect(shown(await http.post('/events', event({ channel: x(200) })))).toEqual(TAKEN);
    expect(shown(await http.post('/events', event({ channel: x(201) })))).toEqual(
      over(400, `Invalid channel name: "${x(201)}"`),
    );
    const { body } = await http.post('/events', event({ channel: x(10_000) }));
    expect(body).toBe(`Invalid channel name: "${x(256)}"`);
  });

  test("2.4 accepts a socket id of two numbers within the app's length limit", async () => {
    const excluding = async (site: Http, socketId: string) =>
      (await site.post('/events', event({ socket_id: socketId }))).status;
    expect(await excluding(http, `1.${'2'.repeat(38)}`)).toBe(200);
    expect(await excluding(http, `1.${'2'.repeat(39)}`)).toBe(400);
    const short = await openHttp({ app: testApp({ limits: { socketIdLength: 21 } }) });
    expect(await excluding(short, `1.${'2'.repeat(19)}`)).toBe(200);
    expect(await excluding(short, `1.${'2'.repeat(20)}`)).toBe(400);
  });

  test('8.12 reads every limit from a setting', async () => {
    const limits = {
      eventNameLength: 3,
      eventDataBytes: 4,
      channelsPerEvent: 2,
      eventsPerBatch: 1,
      channelNameLength: 5,
      requestBytes: 200,
    };
    const small = await openHttp({ app: testApp({ limits }) });
    const fits = { name: 'abc', data: 'abcd', channels: ['abcde', 'b'] };
    const item = { name: 'a', data: 'b', channel: 'c' };
    const status = async (path: string, body: unknown) => (await small.post(path, body)).status;
    expect(await status('/events', fits)).toBe(200);
    expect(await status('/batch_events', { batch: [item] })).toBe(200);
    expect(await status('/events', { ...fits, name: 'abcd' })).toBe(400);
    expect(await status('/events', { ...fits, data: 'abcde' })).toBe(413);
    expect(await status('/events', { ...fits, channels: ['a', 'b', 'c'] })).toBe(400);
    expect(await status('/events', { ...fits, channels: ['abcdef'] })).toBe(400);
    expect(await status('/batch_events', { batch: [item, item] })).toBe(400);
    expect(await status('/events', JSON.stringify(fits).padEnd(200))).toBe(200);
    expect(await status('/events', JSON.stringify(fits).padEnd(201))).toBe(413);
  });

  test('8.12 treats 0 as no limit', async () => {
    const limits = {
      eventNameLength: 0,
      eventDataBytes: 0,
      channelsPerEvent: 0,
      eventsPerBatch: 0,
      requestBytes: 0,
    };
    const open = await openHttp({ app: testApp({ limits }) });
    const big = { name: x(1000), data: x(300_000), channels: names(500) };
    expect(shown(await open.post('/events', big))).toEqual(TAKEN);
    const batch = Array.from({ length: 100 }, () => EVENT);
    expect(shown(await open.post('/batch_events', { batch }))).toEqual([200, {}]);
  });
});

describe('names', () => {
  test.each(['a b', 'a/b', 'a:b', 'ä', '"', '{}', 'a\n', '\u0000', '##a', 'a#', '*', 'a\u2028', '𝒳'])(
    '3.2 refuses channel %j',
    async (channel) => {
      expect(shown(await http.post('/events', event({ channel })))).toEqual([
        400,
        `Invalid channel name: ${JSON.stringify(channel)}`,
      ]);
      const channels = ['orders', channel];
      expect((await http.post('/events', event({ channels }))).status).toBe(400);
    },
  );

  test('3.2 refuses an empty channel name in a list', async () => {
    expect((await http.post('/events', event({ channels: [''] }))).status).toBe(400);
  });

  test.each([
    '1',
    '.',
    '1.',
    '.2',
    '1.2.3',
    'a.b',
    '1,2',
    ' 1.2',
    '1.2 ',
    '1.2\n',
    '-1.2',
    '1e3.2',
    '１.２',
    '',
  ])('2.4 refuses socket id %j', async (socketId) => {
    expect(shown(await http.post('/events', event({ socket_id: socketId })))).toEqual([
      400,
      'Invalid socket id.',
    ]);
  });

  test.each(['\u0000', '\n', '\u001b', '\u007f', '\u0085'])(
    '8.3 refuses an event called %j',
    async (letter) => {
      expect((await http.post('/events', event({ name: `a${letter}b` }))).status).toBe(400);
    },
  );

  test('3.2 accepts the extra characters that an app allows', async () => {
    const open = await openHttp({ app: testApp({ extraChannelCharacters: ':/' }) });
    expect((await open.post('/events', event({ channel: 'a:b/c' }))).status).toBe(200);
    expect((await open.post('/events', event({ channel: 'a b' }))).status).toBe(400);
  });
});
