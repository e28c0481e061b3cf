import type { Wire } from '../../support/wire.ts';
import { dataOf, eventually } from '../../support/wire.ts';
import { userAuth } from '../../support/wire-http.ts';
import type { Case } from '../case.ts';
import { same } from '../expect.ts';
import { APP, needs, secondApp } from '../settings.ts';
import { member, SUCCEEDED } from '../site.ts';
import type { Site } from '../site.ts';

const FAILED = 'Connection not authorized.';
const TERMINATED = 'You got disconnected by the app.';

/** Ids are unique per case: signed-in users are a matter of the whole app. */
const idOf = (site: Site, base: string) => site.name(`u${base}`);

const userChannel = (id: string) => `#server-to-user-${id}`;

const terminate = async (site: Site, id: string) => {
  const answer = await site.publisher.post(`/users/${encodeURIComponent(id)}/terminate_connections`, '{}');
  same([answer.status, answer.json], [200, {}], 'the answer to terminating');
};

/** The sign-in fails: error 4009 and close 4009. */
const signInFails = async (site: Site, data: unknown, before?: (wire: Wire) => Promise<void>) => {
  const wire = await site.connect();
  await before?.(wire);
  wire.send({ event: 'pusher:signin', data });
  await site.refused(wire, 4009, FAILED);
};

const signedData = (site: Site, wire: Wire, userData: string) => ({
  auth: userAuth(site.app, wire.socketId, userData),
  user_data: userData,
});

const signIn: Case[] = [
  {
    id: 'U01',
    rule: '6.1',
    title: 'sign-in: pusher:signin_success with user_data verbatim in a string, and nothing else in it',
    async run(site) {
      const vector = '4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba';
      same(userAuth(APP, '1234.1234', '{"id":"12345"}'), `${APP.key}:${vector}`, 'the signer of this suite');
      const wire = await site.connect();
      const userData = site.signIn(
        wire,
        `{ "id":"${idOf(site, '1')}", "user_info":{"url":"https:\\/\\/a.test"} }`,
      );
      const frame = await wire.first();
      same(frame.event, 'pusher:signin_success', 'event');
      same(typeof frame.data, 'string', 'type of data');
      same(dataOf(frame), { user_data: userData }, 'data');
      await site.silent(wire);
    },
  },
  {
    id: 'U08',
    rule: '6.1',
    title: 'a numeric id is accepted, user_data comes back unchanged, the channel is that of its text',
    async run(site) {
      const wire = await site.connect();
      const number = Math.floor(Math.random() * 1e9);
      const userData = site.signIn(wire, `{"id":${number}}`);
      same(dataOf(await wire.first()), { user_data: userData }, 'data');
      await site.subscribe(wire, userChannel(String(number)));
    },
  },
  {
    id: 'U09',
    rule: '1.4',
    title: 'data of pusher:signin may be a string holding JSON',
    async run(site) {
      const wire = await site.connect();
      const data = signedData(site, wire, JSON.stringify({ id: idOf(site, '1') }));
      wire.send({ event: 'pusher:signin', data: JSON.stringify(data) });
      same((await wire.first()).event, 'pusher:signin_success', 'the answer');
    },
  },
  {
    id: 'U10',
    rule: '6.2',
    title: 'signing in again with the same id succeeds again',
    async run(site) {
      const wire = await site.signedIn({ id: idOf(site, '1') });
      site.signIn(wire, { id: idOf(site, '1'), user_info: { n: 2 } });
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
    async run(site) {
      const userData = JSON.stringify({ id: idOf(site, '1') });
      await signInFails(site, { auth: `${site.app.key}:${'a'.repeat(64)}`, user_data: userData });
      const noId = await site.connect();
      site.signIn(noId, { user_info: {} });
      await site.refused(noId, 4009, FAILED);
      const other = await site.signedIn({ id: idOf(site, '1') });
      site.signIn(other, { id: idOf(site, '2') });
      await site.refused(other, 4009, FAILED);
    },
  },
  {
    id: 'U11',
    rule: '6.3',
    title: 'user_data without a usable id, or that is no object, fails though it is signed',
    async run(site) {
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
        const wire = await site.connect();
        site.signIn(wire, userData);
        await site.refused(wire, 4009, FAILED);
      }
    },
  },
  {
    id: 'U12',
    rule: '6.3',
    title: 'auth or user_data that is no string, or missing, fails',
    async run(site) {
      const userData = JSON.stringify({ id: idOf(site, '1') });
      for (const data of [
        { user_data: userData },
        { auth: 'x' },
        {},
        { auth: {}, user_data: userData },
        { auth: 1, user_data: [] },
      ]) {
        await signInFails(site, data);
      }
    },
  },
  {
    id: 'U13',
    rule: '7.3',
    title: "another socket's signature, and a channel signature, do not sign in",
    async run(site) {
      const userData = JSON.stringify({ id: idOf(site, '1') });
      const other = await site.connect();
      await signInFails(site, signedData(site, other, userData));
    },
  },
];

const userEvents: Case[] = [
  {
    id: 'U02',
    rule: '6.4',
    title: 'the signed-in user enters its channel without auth and gets events published to it',
    async run(site) {
      const id = idOf(site, '1');
      const wire = await site.signedIn({ id });
      const channel = userChannel(id);
      wire.send({ event: 'pusher:subscribe', data: { auth: '', channel } });
      same(await wire.first(), { event: SUCCEEDED, data: '{}', channel }, 'the answer');
      await site.publish('note', '{"n":1}', channel);
      same(await wire.settle(), [{ event: 'note', data: '{"n":1}', channel }], 'frames');
    },
  },
  {
    id: 'U03',
    rule: '6.4',
    title: "another user's channel, and the own one before signing in, are refused",
    async run(site) {
      const id = idOf(site, '1');
      const wire = await site.signedIn({ id });
      for (const other of [idOf(site, '2'), id.slice(0, -1), `${id}0`]) {
        site.ask(wire, userChannel(other));
        await site.unauthorised(wire, userChannel(other));
      }
      const stranger = await site.connect();
      site.ask(stranger, userChannel(id));
      await site.unauthorised(stranger, userChannel(id));
    },
  },
  {
    id: 'U14',
    rule: '6.4',
    title: 'two sockets of a user both get its events, each once',
    async run(site) {
      const id = idOf(site, '1');
      const wires = [await site.signedIn({ id }), await site.signedIn({ id })];
      for (const wire of wires) await site.subscribe(wire, userChannel(id));
      await site.publish('note', 'd', userChannel(id));
      for (const wire of wires) same((await wire.settle()).length, 1, 'frames');
    },
  },
  {
    id: 'U15',
    rule: '6.4',
    title: "a user's channel is not listed and takes no client events",
    async run(site) {
      const id = idOf(site, '1');
      const [a, b] = [await site.signedIn({ id }), await site.signedIn({ id })];
      for (const wire of [a, b]) await site.subscribe(wire, userChannel(id));
      const listed = Object.keys(((await site.get('/channels')).json as { channels: object }).channels);
      same(
        listed.filter((name) => name.startsWith('#')),
        [],
        'listed channels that begin with #',
      );
      site.clientEvent(a, userChannel(id), { n: 1 });
      site.error((await a.settle())[0], 4301);
      await site.silent(b);
    },
  },
  {
    id: 'U16',
    rule: '6.6',
    title: 'a signed-in socket enters presence without channel_data, as its user',
    async run(site) {
      const id = idOf(site, '1');
      const channel = site.name('presence-a');
      const watcher = await site.subscriber(channel, { member: member('w') });
      const wire = await site.signedIn({ id, user_info: { name: 'A' } });
      const frame = await site.subscribe(wire, channel);
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
    title: 'a watched user signs in: online; leaves: offline after a while',
    async run(site) {
      const watched = idOf(site, '7');
      const wire = await site.signedIn({ id: idOf(site, '1'), watchlist: [watched] });
      same(await watchlist(wire), [{ name: 'offline', user_ids: [watched] }], 'the state at sign-in');
      const user = await site.signedIn({ id: watched });
      same(await watchlist(wire), [{ name: 'online', user_ids: [watched] }], 'news of the sign-in');
      await user.close();
      same(await watchlist(wire, 10_000), [{ name: 'offline', user_ids: [watched] }], 'news of the leaving');
    },
  },
  {
    id: 'U17',
    rule: '6.5',
    title: 'the state at sign-in: those online in one element, the others in another',
    async run(site) {
      const [on, off, on2] = ['on', 'off', 'on2'].map((base) => idOf(site, base)) as [string, string, string];
      await site.signedIn({ id: on });
      await site.signedIn({ id: on2 });
      const wire = await site.signedIn({ id: idOf(site, '1'), watchlist: [on, off, on2] });
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
    async run(site) {
      const [watched, marker] = [idOf(site, '7'), idOf(site, 'm')];
      await site.signedIn({ id: watched });
      const leaver = await site.signedIn({ id: marker });
      const wire = await site.signedIn({ id: idOf(site, '1'), watchlist: [watched, marker] });
      same(await watchlist(wire), [{ name: 'online', user_ids: [watched, marker] }], 'the state at sign-in');
      const second = await site.signedIn({ id: watched });
      await second.close();
      await leaver.close();
      same(await watchlist(wire, 10_000), [{ name: 'offline', user_ids: [marker] }], 'the next news');
      await site.silent(wire);
    },
  },
  {
    id: 'U19',
    rule: '6.5',
    title: 'a watchlist of more than 100 ids: error 4302, the first 100 are kept, the sign-in succeeds',
    async run(site) {
      const ids = Array.from({ length: 101 }, (_, index) => idOf(site, String(index)));
      const wire = await site.connect();
      site.signIn(wire, { id: idOf(site, 'me'), watchlist: ids });
      await wire.next('pusher:signin_success');
      site.error(await wire.next('pusher:error'), 4302);
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
    async run(site) {
      const id = idOf(site, '1');
      const wires = [await site.signedIn({ id }), await site.signedIn({ id })];
      const other = await site.signedIn({ id: idOf(site, '2') });
      await terminate(site, id);
      for (const wire of wires) await site.refused(wire, 4009, TERMINATED);
      await site.silent(other);
    },
  },
  {
    id: 'U07',
    rule: '6.7',
    title: 'terminating a member of a presence channel closes its sockets, others stay',
    async run(site) {
      const channel = site.name('presence-a');
      const id = idOf(site, '42');
      const others = [await site.subscriber(site.name('orders')), await site.connect()];
      const watcher = await site.subscriber(channel, { member: member('w') });
      const sockets = [await site.connect(), await site.connect()];
      for (const wire of sockets) {
        await site.subscribe(wire, site.name('orders'));
        await site.subscribe(wire, channel, { member: member(id) });
      }
      await watcher.settle();
      await terminate(site, id);
      for (const wire of sockets) await site.refused(wire, 4009, TERMINATED);
      same(dataOf(await watcher.first()), { user_id: id }, 'data of member_removed');
      await site.silent(...others, watcher);
    },
  },
  {
    id: 'U20',
    rule: '6.7',
    title: 'a member with a numeric id is terminated by its text',
    async run(site) {
      const channel = site.name('presence-a');
      const number = Math.floor(Math.random() * 1e9);
      const wire = await site.subscriber(channel, { member: member(number) });
      await terminate(site, String(number));
      await site.refused(wire, 4009, TERMINATED);
    },
  },
  {
    id: 'U21',
    rule: '8.9',
    title: 'terminating an unknown user answers 200 {}',
    run: (site) => terminate(site, idOf(site, 'nobody')),
  },
  {
    id: 'U22',
    rule: '8.9',
    title: 'the user id in the path is percent-decoded once',
    async run(site) {
      const channel = site.name('presence-a');
      for (const id of [`a@b,${idOf(site, '1')}`, `é ${idOf(site, '2')}`, `%41${idOf(site, '3')}`]) {
        const wire = await site.subscriber(channel, { member: member(id) });
        await terminate(site, id);
        await site.refused(wire, 4009, TERMINATED);
      }
    },
  },
  {
    id: 'U23',
    rule: '6.7',
    title: 'a user of another app is not terminated',
    needs: secondApp.needs,
    async run(site) {
      const id = idOf(site, '1');
      const foreign = await site.as(secondApp.app).signedIn({ id });
      const own = await site.signedIn({ id });
      await terminate(site, id);
      await site.refused(own, 4009, TERMINATED);
      await site.silent(foreign);
    },
  },
  {
    id: 'U24',
    rule: '6.7',
    title: 'the close code of terminating can be set',
    needs: needs.terminateCode,
    async run(site) {
      const wire = await site.signedIn({ id: idOf(site, '1') });
      await terminate(site, idOf(site, '1'));
      same((await wire.closing()).code, 4200, 'close code');
    },
  },
  {
    id: 'U25',
    rule: '6.8',
    title:
      'with authorised connections a socket that does nothing is closed with 4009, one that entered a signed channel stays',
    needs: needs.authorizeWithin,
    async run(site) {
      const idle = await site.subscriber(site.name('orders'));
      const member = await site.subscriber(site.name('private-a'));
      const user = await site.signedIn({ id: idOf(site, '1') });
      await eventually(() => idle.ended !== undefined, 'the idle socket is closed', 6_000);
      const { frames, closing } = await idle.rest();
      site.error(frames[0], 4009, 'Connection not authorized within timeout.');
      same(closing.code, 4009, 'close code');
      await site.silent(member, user);
    },
  },
];

export const users: Case[] = [...signIn, ...userEvents, ...watching, ...terminating];
