import type { Wire } from '../../support/wire.ts';
import { dataOf, eventually } from '../../support/wire.ts';
import { userAuth } from '../../support/wire-http.ts';
import type { Case } from '../case.ts';
import { same } from '../expect.ts';
import { APP, needs, secondApp } from '../settings.ts';
import { member, SUCCEEDED } from '../case-tools.ts';
import type { CaseTools } from '../case-tools.ts';

const FAILED = 'Connection not authorized.';
const TERMINATED = 'You got disconnected by the app.';

/** Returns a user id that no other case uses, since signed-in users belong to the whole app. */
const idOf = (tools: CaseTools, base: string) => tools.name(`u${base}`);

const userChannel = (id: string) => `#server-to-user-${id}`;

const terminate = async (tools: CaseTools, id: string) => {
  const answer = await tools.publisher.post(`/users/${encodeURIComponent(id)}/terminate_connections`, '{}');
  same([answer.status, answer.json], [200, {}], 'the answer to terminating');
};

/** Expects that the sign-in fails: error 4009 and close 4009. */
const expectSignInFailure = async (
  tools: CaseTools,
  data: unknown,
  before?: (wire: Wire) => Promise<void>,
) => {
  const wire = await tools.connect();
  await before?.(wire);
  wire.send({ event: 'pusher:signin', data });
  await tools.refused(wire, 4009, FAILED);
};

const signedData = (tools: CaseTools, wire: Wire, userData: string) => ({
  auth: userAuth(tools.app, wire.socketId, userData),
  user_data: userData,
});

const signIn: Case[] = [
  {
    id: 'U01',
    rule: '6.1',
    title: 'sign-in: pusher:signin_success with user_data verbatim in a string, and nothing else in it',
    async run(tools) {
      const vector = '4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba';
      same(userAuth(APP, '1234.1234', '{"id":"12345"}'), `${APP.key}:${vector}`, 'the signer of this suite');
      const wire = await tools.connect();
      const userData = tools.signIn(
        wire,
        `{ "id":"${idOf(tools, '1')}", "user_info":{"url":"https:\\/\\/a.test"} }`,
      );
      const frame = await wire.first();
      same(frame.event, 'pusher:signin_success', 'event');
      same(typeof frame.data, 'string', 'type of data');
      same(dataOf(frame), { user_data: userData }, 'data');
      await tools.receivesNothing(wire);
    },
  },
  {
    id: 'U08',
    rule: '6.1',
    title: 'a numeric id is accepted, user_data is sent unchanged, the channel has the text of the id',
    async run(tools) {
      const wire = await tools.connect();
      const number = Math.floor(Math.random() * 1e9);
      const userData = tools.signIn(wire, `{"id":${number}}`);
      same(dataOf(await wire.first()), { user_data: userData }, 'data');
      await tools.subscribe(wire, userChannel(String(number)));
    },
  },
  {
    id: 'U09',
    rule: '1.4',
    title: 'data of pusher:signin may be a string holding JSON',
    async run(tools) {
      const wire = await tools.connect();
      const data = signedData(tools, wire, JSON.stringify({ id: idOf(tools, '1') }));
      wire.send({ event: 'pusher:signin', data: JSON.stringify(data) });
      same((await wire.first()).event, 'pusher:signin_success', 'the answer');
    },
  },
  {
    id: 'U10',
    rule: '6.2',
    title: 'signing in again with the same id succeeds again',
    async run(tools) {
      const wire = await tools.signedIn({ id: idOf(tools, '1') });
      tools.signIn(wire, { id: idOf(tools, '1'), user_info: { n: 2 } });
      same(
        (await wire.settle()).map(({ event }) => event),
        ['pusher:signin_success'],
        'frames',
      );
    },
  },
  {
    id: 'U04',
    rule: '6.3',
    title: 'a bad signature, no id, or another id after success: error 4009 and close 4009',
    async run(tools) {
      const userData = JSON.stringify({ id: idOf(tools, '1') });
      await expectSignInFailure(tools, { auth: `${tools.app.key}:${'a'.repeat(64)}`, user_data: userData });
      const noId = await tools.connect();
      tools.signIn(noId, { user_info: {} });
      await tools.refused(noId, 4009, FAILED);
      const other = await tools.signedIn({ id: idOf(tools, '1') });
      tools.signIn(other, { id: idOf(tools, '2') });
      await tools.refused(other, 4009, FAILED);
    },
  },
  {
    id: 'U11',
    rule: '6.3',
    title: 'user_data without a usable id, or that is no object, fails though it is signed',
    async run(tools) {
      const bad = [
        '{"id":""}',
        '{"id":null}',
        '{"id":{}}',
        '{"id":["1"]}',
        '{"id":true}',
        '{"id":"a b"}',
        '[]',
        '"1"',
        '1',
        'x',
      ];
      for (const userData of bad) {
        const wire = await tools.connect();
        tools.signIn(wire, userData);
        await tools.refused(wire, 4009, FAILED);
      }
    },
  },
  {
    id: 'U12',
    rule: '6.3',
    title: 'auth or user_data that is no string, or missing, fails',
    async run(tools) {
      const userData = JSON.stringify({ id: idOf(tools, '1') });
      for (const data of [
        { user_data: userData },
        { auth: 'x' },
        {},
        { auth: {}, user_data: userData },
        { auth: 1, user_data: [] },
      ]) {
        await expectSignInFailure(tools, data);
      }
    },
  },
  {
    id: 'U13',
    rule: '7.3',
    title: "another socket's signature, and a channel signature, do not sign in",
    async run(tools) {
      const userData = JSON.stringify({ id: idOf(tools, '1') });
      const other = await tools.connect();
      await expectSignInFailure(tools, signedData(tools, other, userData));
    },
  },
];

const userEvents: Case[] = [
  {
    id: 'U02',
    rule: '6.4',
    title: 'a signed-in user subscribes to its channel without auth and gets events published to it',
    async run(tools) {
      const id = idOf(tools, '1');
      const wire = await tools.signedIn({ id });
      const channel = userChannel(id);
      wire.send({ event: 'pusher:subscribe', data: { auth: '', channel } });
      same(await wire.first(), { event: SUCCEEDED, data: '{}', channel }, 'the answer');
      await tools.publish('note', '{"n":1}', channel);
      same(await wire.settle(), [{ event: 'note', data: '{"n":1}', channel }], 'frames');
    },
  },
  {
    id: 'U03',
    rule: '6.4',
    title: "subscribing to another user's channel, or to one's own before signing in, is refused",
    async run(tools) {
      const id = idOf(tools, '1');
      const wire = await tools.signedIn({ id });
      for (const other of [idOf(tools, '2'), id.slice(0, -1), `${id}0`]) {
        tools.sendSubscribe(wire, userChannel(other));
        await tools.unauthorised(wire, userChannel(other));
      }
      const notSignedIn = await tools.connect();
      tools.sendSubscribe(notSignedIn, userChannel(id));
      await tools.unauthorised(notSignedIn, userChannel(id));
    },
  },
  {
    id: 'U14',
    rule: '6.4',
    title: 'two sockets of a user both get its events, each once',
    async run(tools) {
      const id = idOf(tools, '1');
      const wires = [await tools.signedIn({ id }), await tools.signedIn({ id })];
      for (const wire of wires) await tools.subscribe(wire, userChannel(id));
      await tools.publish('note', 'd', userChannel(id));
      for (const wire of wires) same((await wire.settle()).length, 1, 'frames');
    },
  },
  {
    id: 'U15',
    rule: '6.4',
    title: "a user's channel is not listed and relays no client events",
    async run(tools) {
      const id = idOf(tools, '1');
      const [a, b] = [await tools.signedIn({ id }), await tools.signedIn({ id })];
      for (const wire of [a, b]) await tools.subscribe(wire, userChannel(id));
      const listed = Object.keys(((await tools.get('/channels')).json as { channels: object }).channels);
      same(
        listed.filter((name) => name.startsWith('#')),
        [],
        'listed channels that begin with #',
      );
      tools.clientEvent(a, userChannel(id), { n: 1 });
      tools.error((await a.settle())[0], 4301);
      await tools.receivesNothing(b);
    },
  },
  {
    id: 'U16',
    rule: '6.6',
    title: 'a signed-in socket joins a presence channel without channel_data, as its user',
    async run(tools) {
      const id = idOf(tools, '1');
      const channel = tools.name('presence-a');
      const watcher = await tools.subscriber(channel, { member: member('w') });
      const wire = await tools.signedIn({ id, user_info: { name: 'A' } });
      const frame = await tools.subscribe(wire, channel);
      const hash = { w: { name: 'N' }, [id]: { name: 'A' } };
      same(dataOf(frame), { presence: { count: 2, ids: ['w', id], hash } }, 'the roster');
      const news = (await watcher.settle())[0];
      same(dataOf(news ?? {}), { user_id: id, user_info: { name: 'A' } }, 'data of member_added');
    },
  },
];

/** The elements of the next watchlist frame. */
const watchlist = async (wire: Wire, limitMs = 8_000) => {
  const frame = await wire.next('pusher_internal:watchlist_events', limitMs);
  same('channel' in frame, false, 'a channel in the frame');
  return (dataOf(frame) as { events: { name: string; user_ids: string[] }[] }).events;
};

const watching: Case[] = [
  {
    id: 'U05',
    rule: '6.5',
    title: 'a watched user signs in: online; disconnects: offline after a while',
    async run(tools) {
      const watched = idOf(tools, '7');
      const wire = await tools.signedIn({ id: idOf(tools, '1'), watchlist: [watched] });
      same(await watchlist(wire), [{ name: 'offline', user_ids: [watched] }], 'the state at sign-in');
      const user = await tools.signedIn({ id: watched });
      same(await watchlist(wire), [{ name: 'online', user_ids: [watched] }], 'events after the sign-in');
      await user.close();
      same(
        await watchlist(wire, 10_000),
        [{ name: 'offline', user_ids: [watched] }],
        'events after the disconnection',
      );
    },
  },
  {
    id: 'U17',
    rule: '6.5',
    title: 'the state at sign-in: those online in one element, the others in another',
    async run(tools) {
      const [on, off, on2] = ['on', 'off', 'on2'].map((base) => idOf(tools, base)) as [
        string,
        string,
        string,
      ];
      await tools.signedIn({ id: on });
      await tools.signedIn({ id: on2 });
      const wire = await tools.signedIn({ id: idOf(tools, '1'), watchlist: [on, off, on2] });
      const events = (await watchlist(wire)).sort((a, b) => a.name.localeCompare(b.name));
      same(
        events,
        [
          { name: 'offline', user_ids: [off] },
          { name: 'online', user_ids: [on, on2] },
        ],
        'events',
      );
    },
  },
  {
    id: 'U18',
    rule: '6.5',
    title: 'a second socket of a watched user, and its closing, send no event',
    async run(tools) {
      const [watched, marker] = [idOf(tools, '7'), idOf(tools, 'm')];
      await tools.signedIn({ id: watched });
      const leaver = await tools.signedIn({ id: marker });
      const wire = await tools.signedIn({ id: idOf(tools, '1'), watchlist: [watched, marker] });
      same(await watchlist(wire), [{ name: 'online', user_ids: [watched, marker] }], 'the state at sign-in');
      const second = await tools.signedIn({ id: watched });
      await second.close();
      await leaver.close();
      same(await watchlist(wire, 10_000), [{ name: 'offline', user_ids: [marker] }], 'the next news');
      await tools.receivesNothing(wire);
    },
  },
  {
    id: 'U19',
    rule: '6.5',
    title: 'a watchlist of more than 100 ids: error 4302, the first 100 are kept, the sign-in succeeds',
    async run(tools) {
      const ids = Array.from({ length: 101 }, (_, index) => idOf(tools, String(index)));
      const wire = await tools.connect();
      tools.signIn(wire, { id: idOf(tools, 'me'), watchlist: ids });
      await wire.next('pusher:signin_success');
      tools.error(await wire.next('pusher:error'), 4302);
      const [event] = await watchlist(wire);
      same(event, { name: 'offline', user_ids: ids.slice(0, 100) }, 'the state at sign-in');
    },
  },
];

const terminating: Case[] = [
  {
    id: 'U06',
    rule: '6.7',
    title: 'terminating a user closes all its signed-in sockets with 4009',
    async run(tools) {
      const id = idOf(tools, '1');
      const wires = [await tools.signedIn({ id }), await tools.signedIn({ id })];
      const other = await tools.signedIn({ id: idOf(tools, '2') });
      await terminate(tools, id);
      for (const wire of wires) await tools.refused(wire, 4009, TERMINATED);
      await tools.receivesNothing(other);
    },
  },
  {
    id: 'U07',
    rule: '6.7',
    title: 'terminating a member of a presence channel closes its sockets, other sockets stay open',
    async run(tools) {
      const channel = tools.name('presence-a');
      const id = idOf(tools, '42');
      const others = [await tools.subscriber(tools.name('orders')), await tools.connect()];
      const watcher = await tools.subscriber(channel, { member: member('w') });
      const sockets = [await tools.connect(), await tools.connect()];
      for (const wire of sockets) {
        await tools.subscribe(wire, tools.name('orders'));
        await tools.subscribe(wire, channel, { member: member(id) });
      }
      await watcher.settle();
      await terminate(tools, id);
      for (const wire of sockets) await tools.refused(wire, 4009, TERMINATED);
      same(dataOf(await watcher.first()), { user_id: id }, 'data of member_removed');
      await tools.receivesNothing(...others, watcher);
    },
  },
  {
    id: 'U20',
    rule: '6.7',
    title: 'a member with a numeric id is terminated by its text',
    async run(tools) {
      const channel = tools.name('presence-a');
      const number = Math.floor(Math.random() * 1e9);
      const wire = await tools.subscriber(channel, { member: member(number) });
      await terminate(tools, String(number));
      await tools.refused(wire, 4009, TERMINATED);
    },
  },
  {
    id: 'U21',
    rule: '8.9',
    title: 'terminating an unknown user answers 200 {}',
    run: (tools) => terminate(tools, idOf(tools, 'unknown')),
  },
  {
    id: 'U22',
    rule: '8.9',
    title: 'the user id in the path is percent-decoded once',
    async run(tools) {
      const channel = tools.name('presence-a');
      for (const id of [`a@b,${idOf(tools, '1')}`, `é ${idOf(tools, '2')}`, `%41${idOf(tools, '3')}`]) {
        const wire = await tools.subscriber(channel, { member: member(id) });
        await terminate(tools, id);
        await tools.refused(wire, 4009, TERMINATED);
      }
    },
  },
  {
    id: 'U23',
    rule: '6.7',
    title: 'a user of another app is not terminated',
    needs: secondApp.needs,
    async run(tools) {
      const id = idOf(tools, '1');
      const foreign = await tools.as(secondApp.app).signedIn({ id });
      const own = await tools.signedIn({ id });
      await terminate(tools, id);
      await tools.refused(own, 4009, TERMINATED);
      await tools.receivesNothing(foreign);
    },
  },
  {
    id: 'U24',
    rule: '6.7',
    title: 'the close code of terminate_connections can be set',
    needs: needs.terminateCode,
    async run(tools) {
      const wire = await tools.signedIn({ id: idOf(tools, '1') });
      await terminate(tools, idOf(tools, '1'));
      same((await wire.closing()).code, 4200, 'close code');
    },
  },
  {
    id: 'U25',
    rule: '6.8',
    title:
      'with WAVEHALL_AUTHORIZE_WITHIN an idle socket is closed with 4009, one on a signed channel stays open',
    needs: needs.authorizeWithin,
    async run(tools) {
      const idle = await tools.subscriber(tools.name('orders'));
      const member = await tools.subscriber(tools.name('private-a'));
      const user = await tools.signedIn({ id: idOf(tools, '1') });
      await eventually(() => idle.ended !== undefined, 'the idle socket is closed', 6_000);
      const { frames, closing } = await idle.rest();
      tools.error(frames[0], 4009, 'Connection not authorized within timeout.');
      same(closing.code, 4009, 'close code');
      await tools.receivesNothing(member, user);
    },
  },
];

export const users: Case[] = [...signIn, ...userEvents, ...watching, ...terminating];
