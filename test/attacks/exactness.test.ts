import { describe, expect, test } from 'vitest';
import { APP } from '../conformance/settings.ts';
import { dataOf, type Wire } from '../support/wire.ts';
import { signChannel, signUser } from '#protocol';
import { attackedServer } from './attacked-server.ts';

const [ONE, TWO] = ['7212345678901234567', '7212345678901234568'] as const;
/** Numbers beyond double precision, a repeated key, escapes, spaces, and a property that every object inherits. */
const ODD =
  '{"b":1.0,"a":1e400,"big":12345678901234567890,"a":"\\u00e9\\/" , "__proto__":{"x":[ 1,2]},"z":-0}';

const target = attackedServer();

/** The texts of `data` in the received frames of an event. */
const relayed = (wire: Wire, event: string): string[] =>
  wire.texts
    .filter((text) => text.startsWith(`{"event":"${event}","data":`))
    .map((text) => text.slice(`{"event":"${event}","data":`.length, text.lastIndexOf(',"channel":')));

describe('a user whose id is beyond 2^53', () => {
  const channel = 'presence-exact';
  const join = (id: string, info = ODD) =>
    target.tools.subscriber(channel, { member: `{"user_id":${id},"user_info":${info}}` });

  test('4.2 is a different member than the next id, with its own signed user_info', async () => {
    const first = await join(ONE);
    const second = await target.tools.connect();
    const answer = await target.tools.subscribe(second, channel, { member: `{"user_id":${TWO}}` });
    const roster = `{"presence":{"count":2,"ids":["${ONE}","${TWO}"],"hash":{"${ONE}":${ODD},"${TWO}":null}}}`;
    expect(answer.data).toBe(roster);
    expect((await first.next('pusher_internal:member_added')).data).toBe(`{"user_id":"${TWO}"}`);
    const users = await target.tools.get(`/channels/${channel}/users`);
    expect(users.json).toEqual({ users: [{ id: ONE }, { id: TWO }] });
    await second.close();
    expect((await first.next('pusher_internal:member_removed')).data).toBe(`{"user_id":"${TWO}"}`);
  });

  test('6.7 is disconnected by exactly this id; the next id stays connected', async () => {
    const [first, second] = [await join(ONE), await join(TWO)];
    const answer = await target.tools.publisher.post(`/users/${ONE}/terminate_connections`, {});
    expect(answer.status).toBe(200);
    expect((await first.closing()).code).toBe(4009);
    await second.next('pusher_internal:member_removed');
    await target.tools.receivesNothing(second);
  });

  const signIn = async (userData: string): Promise<Wire> => {
    const wire = await target.tools.connect();
    const auth = signUser({ key: APP.key, secret: APP.secret }, wire.socketId, userData);
    wire.send({ event: 'pusher:signin', data: { auth, user_data: userData } });
    await wire.next('pusher:signin_success');
    return wire;
  };

  test('6.4 can subscribe to its own channel, not to that of the next or a rounded id', async () => {
    const first = await signIn(`{"id":${ONE}}`);
    for (const other of [TWO, '7212345678901235000', '7212345678901234600']) {
      target.tools.sendSubscribe(first, `#server-to-user-${other}`);
      expect(dataOf(await first.next('pusher:subscription_error'))).toMatchObject({ type: 'AuthError' });
    }
    await target.tools.subscribe(first, `#server-to-user-${ONE}`);
    const second = await signIn(`{"id":${TWO}}`);
    await target.tools.subscribe(second, `#server-to-user-${TWO}`);
    await target.tools.publish('to-one', '{}', `#server-to-user-${ONE}`);
    await first.next('to-one');
    expect((await second.settle()).filter(({ event }) => event === 'to-one')).toEqual([]);
  });

  test('6.5 is watched as exactly this user', async () => {
    const [other, watched] = ['8212345678901234567', '8212345678901234568'];
    const watcher = await signIn(`{"id":"w","watchlist":[${other},${watched}]}`);
    const state = dataOf(await watcher.next('pusher_internal:watchlist_events'));
    expect(state).toEqual({ events: [{ name: 'offline', user_ids: [other, watched] }] });
    await signIn(`{"id":${watched}}`);
    const change = dataOf(await watcher.next('pusher_internal:watchlist_events'));
    expect(change).toEqual({ events: [{ name: 'online', user_ids: [watched] }] });
  });
});

test('5.3 relays data of a client event literally, in every spelling of the frame', async () => {
  const [a, b] = [
    await target.tools.subscriber('private-exact'),
    await target.tools.subscriber('private-exact'),
  ];
  const long = `"${'x'.repeat(6000)}"`;
  const spellings = [
    `{"event":"client-x","data":${ODD},"channel":"private-exact"}`,
    `{"event":"client-x","channel":"private-exact","data":${ODD}}`,
    `{"channel":"private-exact","event":"client-x","data":${ODD}}`,
    `{"data" : ${ODD} ,\n"event" : "client-x" , "channel" : "private-exact"}`,
    `{"event":"client-x","data": ${ODD} ,"channel":"private-exact"}`,
    `{"event":"client-x","data":${ODD},"channel":"private-exact","user_id":"9"}`,
    `{"event":"client-x","long":${long},"data":${ODD},"channel":"private-exact"}`,
    `{"event":"client-\\u0078","data":0,"d\\u0061ta":${ODD},"channel":"private-exact"}`,
  ];
  for (const spelling of spellings) a.send(spelling);
  await b.until(
    () => relayed(b, 'client-x').length === spellings.length,
    () => `${relayed(b, 'client-x').length} of ${spellings.length}`,
  );
  expect(relayed(b, 'client-x')).toEqual(spellings.map(() => ODD));
});

test('3.13 delivers published data literally, also from a cache channel', async () => {
  const wire = await target.tools.subscriber('cache-exact');
  await wire.next('pusher:cache_miss');
  await target.tools.publish('e', ODD, 'cache-exact');
  expect((await wire.next('e')).data).toBe(ODD);
  const late = await target.tools.subscriber('cache-exact');
  expect((await late.next('e')).data).toBe(ODD);
  const info = await target.tools.get('/channels/cache-exact', [['info', 'cache']]);
  expect(info.json).toMatchObject({ cache: { data: ODD } });
});

test('7.1 refuses a signature whose text differs by a lone surrogate', async () => {
  const wire = await target.tools.connect();
  const signed = '{"user_id":"\ufffd"}';
  const userAuth = signUser({ key: APP.key, secret: APP.secret }, wire.socketId, '{"id":"\ufffd"}');
  target.tools.sendSubscribe(wire, 'presence-exact', { member: signed });
  expect((await wire.first()).event).toBe('pusher_internal:subscription_succeeded');
  target.tools.unsubscribe(wire, 'presence-exact');
  const auth = signChannel({ key: APP.key, secret: APP.secret }, wire.socketId, 'presence-exact', signed);
  target.tools.sendSubscribe(wire, 'presence-exact', { member: '{"user_id":"\ud800"}', auth });
  expect(dataOf(await wire.next('pusher:subscription_error'))).toMatchObject({ type: 'AuthError' });
  wire.send({ event: 'pusher:signin', data: { auth: userAuth, user_data: '{"id":"\ud800"}' } });
  expect((await wire.closing()).code).toBe(4009);
});
