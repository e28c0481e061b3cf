import { Agent } from 'node:http';
import type { Answer, Signing } from '../../support/wire-http.ts';
import { canonical, hmacHex, http, md5Hex, signedPath } from '../../support/wire-http.ts';
import type { Case } from '../case.ts';
import { holds, matches, same } from '../expect.ts';
import { APP, needs } from '../settings.ts';
import { member } from '../case-tools.ts';
import type { CaseTools } from '../case-tools.ts';

const INVALID = 'Authentication signature invalid.';
const EVENT = { name: 'e', data: 'd', channel: 'orders' };

const now = () => Math.floor(Date.now() / 1000);

const is = (answer: Answer, status: number, text?: string): void => {
  same(answer.status, status, `status (${answer.text.slice(0, 120)})`);
  if (text !== undefined) same(answer.text, text, 'body');
};

/** A GET of the channels, signed with these deviations. */
const get = (tools: CaseTools, signing: Signing, query: readonly (readonly [string, string])[] = []) =>
  tools.publisher.get('/channels', query, signing);

const paths: Case[] = [
  {
    id: 'H22',
    rule: '8.11',
    title: 'GET /up, unsigned, answers {"health":"OK"}',
    async run(tools) {
      const answer = await tools.request({ method: 'GET', path: `${tools.app.prefix}/up` });
      is(answer, 200);
      same(answer.json, { health: 'OK' }, 'body');
      matches(answer.headers['content-type'], /^application\/json/, 'Content-Type');
    },
  },
  {
    id: 'H27',
    rule: '8.1',
    title: 'an unknown path under /apps/{id} answers 404 "Not found."',
    async run(tools) {
      for (const path of [
        `/apps/${tools.app.id}`,
        `/apps/${tools.app.id}/nothing`,
        `/apps/${tools.app.id}/channels/a/b/c`,
      ]) {
        is(await tools.request({ method: 'GET', path: tools.app.prefix + path }), 404, 'Not found.');
      }
    },
  },
  {
    id: 'H08',
    rule: '8.3',
    title: 'GET on /events answers 405 with Allow: POST',
    async run(tools) {
      const answer = await tools.publisher.get('/events');
      is(answer, 405, 'Method not allowed.');
      matches(answer.headers.allow, /\bPOST\b/, 'header Allow');
    },
  },
  {
    id: 'H28',
    rule: '8.3',
    title: 'every known path answers an unsupported method with 405 and the supported one in Allow',
    async run(tools) {
      const base = `${tools.app.prefix}/apps/${tools.app.id}`;
      const rows = [
        ['PUT', `${base}/events`, 'POST'],
        ['GET', `${base}/batch_events`, 'POST'],
        ['POST', `${base}/channels`, 'GET'],
        ['DELETE', `${base}/channels/orders`, 'GET'],
        ['POST', `${base}/channels/presence-a/users`, 'GET'],
        ['GET', `${base}/users/1/terminate_connections`, 'POST'],
        ['POST', `${base}/connections`, 'GET'],
        ['POST', `${tools.app.prefix}/up`, 'GET'],
      ] as const;
      for (const [method, path, allowed] of rows) {
        const answer = await tools.request({ method, path });
        same([answer.status, answer.text], [405, 'Method not allowed.'], `${method} ${path}`);
        matches(answer.headers.allow, new RegExp(`\\b${allowed}\\b`), `Allow of ${path}`);
      }
    },
  },
  {
    id: 'H04',
    rule: '8.3',
    title: 'an unknown app id answers 404 with the id, before the signature is checked',
    async run(tools) {
      const path = '/apps/9/events';
      is(await tools.publisher.send('POST', path, [], '{}'), 404, 'No matching application for ID [9].');
      is(await tools.request({ method: 'GET', path: `${tools.app.prefix}/apps/9/channels` }), 404);
    },
  },
  {
    id: 'H29',
    rule: '8.1',
    title: 'the app id is compared as text, and is not the key',
    async run(tools) {
      for (const id of [`0${tools.app.id}`, `${tools.app.id}.0`, tools.app.key, '__proto__', 'constructor']) {
        const answer = await tools.publisher.send('GET', `/apps/${id}/channels`, [], undefined);
        is(answer, 404, `No matching application for ID [${id}].`);
      }
    },
  },
  {
    id: 'H23',
    rule: '7.4',
    title: 'with a prefix a signature over the path without or with it is accepted',
    needs: needs.prefix,
    async run(tools) {
      is(await tools.publisher.post('/events', EVENT), 200);
      is(await tools.publisher.post('/events', EVENT, { signPath: `/rt/apps/${tools.app.id}/events` }), 200);
      const bare = `/apps/${tools.app.id}/channels`;
      is(await http(tools.app, { method: 'GET', path: signedPath(tools.app, 'GET', bare) }), 200);
    },
  },
  {
    id: 'H30',
    rule: '8.1',
    title: 'channel names in the path are percent-decoded once, and the path is signed as it is sent',
    async run(tools) {
      const channel = tools.name('a@b,c=d;e');
      await tools.subscriber(channel);
      const path = `/apps/${tools.app.id}/channels/${encodeURIComponent(channel)}`;
      const answer = await tools.publisher.send('GET', path, [], undefined);
      same([answer.status, answer.json], [200, { occupied: true }], 'the answer');
    },
  },
  {
    id: 'H85',
    rule: '7.4',
    title: 'a percent-encoded path may also be signed in its decoded form',
    async run(tools) {
      const path = `/apps/${tools.app.id}/channels/${encodeURIComponent(tools.name('a@b,c=d;e'))}`;
      is(await tools.publisher.send('GET', path, [], undefined, { signPath: decodeURIComponent(path) }), 200);
    },
  },
  {
    id: 'H31',
    rule: '8.1',
    title: 'a successful answer has the Content-Type application/json',
    async run(tools) {
      const answers = [
        await tools.publisher.post('/events', EVENT),
        await tools.publisher.post('/batch_events', { batch: [EVENT] }),
        await tools.publisher.get('/channels'),
        await tools.publisher.get('/channels/orders'),
        await tools.publisher.get('/connections'),
      ];
      for (const { headers } of answers)
        matches(headers['content-type'], /^application\/json\b/, 'Content-Type');
    },
  },
  {
    id: 'H32',
    rule: '8.1',
    title: 'two requests on one connection are both answered (keep-alive)',
    async run(tools) {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const path = () => tools.app.prefix + signedPath(tools.app, 'GET', `/apps/${tools.app.id}/channels`);
      const first = await http(tools.app, { method: 'GET', path: path(), agent });
      const second = await http(tools.app, { method: 'GET', path: path(), agent });
      agent.destroy();
      is(first, 200);
      is(second, 200);
      holds(
        first.headers.connection !== 'close',
        'the first answer',
        'a connection that stays',
        first.headers,
      );
      holds(
        second.headers.connection !== 'close',
        'the second answer',
        'a connection that stays',
        second.headers,
      );
    },
  },
  {
    id: 'H33',
    rule: '8.1',
    title: 'there are no CORS headers',
    async run(tools) {
      const path = tools.app.prefix + signedPath(tools.app, 'GET', `/apps/${tools.app.id}/channels`);
      const answer = await http(tools.app, { method: 'GET', path, headers: { Origin: 'https://a.test' } });
      same(
        Object.keys(answer.headers).filter((name) => name.startsWith('access-control')),
        [],
        'CORS headers',
      );
    },
  },
];

const signatures: Case[] = [
  {
    id: 'H01',
    rule: '7.4',
    title:
      'the first published test vector, signed with the current time: 200 {} and the subscriber gets the event',
    async run(tools) {
      const body = '{"name":"foo","channels":["project-3"],"data":"{\\"some\\":\\"data\\"}"}';
      const text = canonical('POST', '/apps/3/events', [
        ['auth_key', APP.key],
        ['auth_timestamp', '1353088179'],
        ['auth_version', '1.0'],
        ['body_md5', md5Hex(body)],
      ]);
      const vector = 'da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c';
      same(hmacHex(APP.secret, text), vector, 'the signer of this suite');
      const wire = await tools.subscriber('project-3');
      const answer = await tools.publisher.post('/events', body);
      same([answer.status, answer.json], [200, {}], 'the answer');
      same(await wire.settle(), [{ event: 'foo', data: '{"some":"data"}', channel: 'project-3' }], 'frames');
    },
  },
  {
    id: 'H02',
    rule: '8.2',
    title: 'a signature with one digit changed, none, or a list: 401',
    async run(tools) {
      is(
        await get(tools, { alter: (hex) => (hex.startsWith('0') ? '1' : '0') + hex.slice(1) }),
        401,
        INVALID,
      );
      is(await get(tools, { without: ['auth_signature'] }), 401, INVALID);
      const path = `${tools.app.prefix}/apps/${tools.app.id}/channels`;
      const list = signedPath(tools.app, 'GET', path).replace('auth_signature=', 'auth_signature[]=');
      is(await tools.request({ method: 'GET', path: list }), 401, INVALID);
      is(await tools.request({ method: 'GET', path }), 401, INVALID);
    },
  },
  {
    id: 'H34',
    rule: '7.1',
    title: 'a signature in upper case, shortened, lengthened or empty: 401',
    async run(tools) {
      const changes = [
        (hex: string) => hex.toUpperCase(),
        (hex: string) => hex.slice(0, 63),
        (hex: string) => `${hex}0`,
        () => '',
      ];
      for (const alter of changes) is(await get(tools, { alter }), 401, INVALID);
    },
  },
  {
    id: 'H35',
    rule: '8.2',
    title: 'signed with another secret: 401',
    run: async (tools) => is(await get(tools, { secret: 'other' }), 401, INVALID),
  },
  {
    id: 'H36',
    rule: '8.2',
    title: "a key that is not the app's: 401, also when the signature fits; no key: 401",
    async run(tools) {
      is(await get(tools, { key: 'other' }), 401, INVALID);
      is(await get(tools, { without: ['auth_key'] }), 401, INVALID);
    },
  },
  {
    id: 'H37',
    rule: '8.2',
    title: 'auth_version is 1.0 or absent, anything else 401',
    async run(tools) {
      is(await get(tools, { without: ['auth_version'] }), 200);
      is(await get(tools, { version: '2.0' }), 401, INVALID);
    },
  },
  {
    id: 'H03',
    rule: '8.2',
    title: 'a timestamp 601 s off, in either direction: 401',
    async run(tools) {
      for (const timestampS of [now() - 605, now() + 605]) {
        const answer = await get(tools, { timestampS });
        is(answer, 401);
        matches(answer.text, /not within 600s of server time/, 'body');
      }
    },
  },
  {
    id: 'H38',
    rule: '8.2',
    title: 'a timestamp 595 s off is accepted',
    async run(tools) {
      for (const timestampS of [now() - 595, now() + 595]) is(await get(tools, { timestampS }), 200);
    },
  },
  {
    id: 'H39',
    rule: '8.2',
    title: 'no timestamp, or one that is no number: 401',
    async run(tools) {
      is(await get(tools, { without: ['auth_timestamp'] }), 401);
      for (const timestampS of ['abc', '', `${now()}.5`, '1e99', '-1'])
        is(await get(tools, { timestampS }), 401);
    },
  },
  {
    id: 'H40',
    rule: '8.2',
    title: 'with WAVEHALL_AUTH_WINDOW=0 an old timestamp is accepted',
    needs: needs.noAuthWindow,
    run: async (tools) => is(await get(tools, { timestampS: 1_353_088_179 }), 200),
  },
  {
    id: 'H05',
    rule: '7.4',
    title: 'a body changed after signing: 401, and nothing is delivered',
    async run(tools) {
      const channel = tools.name('orders');
      const wire = await tools.subscriber(channel);
      const honest = JSON.stringify({ name: 'e', data: 'd', channel });
      is(
        await tools.publisher.post('/events', honest.replace('"d"', '"x"'), { signBody: honest }),
        401,
        INVALID,
      );
      is(await tools.publisher.post('/events', `${honest} `, { signBody: honest }), 401, INVALID);
      is(await tools.publisher.post('/events', honest, { signBody: '' }), 401, INVALID);
      await tools.receivesNothing(wire);
    },
  },
  {
    id: 'H41',
    rule: '7.4',
    title: 'a path or query changed after signing: 401',
    async run(tools) {
      is(await get(tools, { signPath: `/apps/${tools.app.id}/connections` }), 401, INVALID);
      is(await get(tools, { unsigned: [['filter_by_prefix', 'a']] }), 401, INVALID);
    },
  },
  {
    id: 'H42',
    rule: '7.4',
    title: 'the parameters appId, appKey and channelName are not part of the signature',
    async run(tools) {
      is(
        await get(tools, {
          unsigned: [
            ['appId', '9'],
            ['appKey', 'x'],
            ['channelName', 'y'],
          ],
        }),
        200,
      );
    },
  },
  {
    id: 'H43',
    rule: '7.4',
    title: 'values of parameters may be sent percent-encoded or not',
    async run(tools) {
      const channel = tools.name('presence-a');
      await tools.subscriber(channel, { member: member('1') });
      const query = [
        ['filter_by_prefix', channel],
        ['info', 'user_count,subscription_count'],
      ] as const;
      for (const rawQuery of [true, false]) {
        const answer = await get(tools, { rawQuery }, query);
        is(answer, 200);
        same(
          answer.json,
          { channels: { [channel]: { user_count: 1 } } },
          `body (${rawQuery ? 'raw' : 'encoded'})`,
        );
      }
    },
  },
  {
    id: 'H44',
    rule: '7.4',
    title: 'the values of a list are joined with commas',
    async run(tools) {
      const channel = tools.name('presence-a');
      await tools.subscriber(channel, { member: member('1') });
      const stamp = String(now());
      const text = canonical('GET', `/apps/${tools.app.id}/channels/${channel}`, [
        ['auth_key', tools.app.key],
        ['auth_timestamp', stamp],
        ['auth_version', '1.0'],
        ['info', 'user_count,subscription_count'],
      ]);
      const query = `auth_key=${tools.app.key}&auth_timestamp=${stamp}&auth_version=1.0&info[]=user_count&info[]=subscription_count`;
      const path = `${tools.app.prefix}/apps/${tools.app.id}/channels/${channel}?${query}&auth_signature=${hmacHex(tools.app.secret, text)}`;
      is(await tools.request({ method: 'GET', path }), 200);
    },
  },
  {
    id: 'H45',
    rule: '7.4',
    title: 'names of parameters are sorted and lower-cased for the signature',
    async run(tools) {
      const query = [
        ['zeta', '1'],
        ['Alpha', '2'],
        ['info', 'user_count'],
      ] as const;
      is(await get(tools, {}, query), 200);
    },
  },
  {
    id: 'H86',
    rule: '7.6',
    title: 'an older pair of key and secret still signs requests, subscriptions and opens connections',
    needs: needs.olderKey,
    async run(tools) {
      const older = tools.as({ key: 'older-key', secret: 'older-secret' });
      is(await older.get('/channels'), 200);
      is(await tools.get('/channels'), 200);
      const channel = tools.name('private-a');
      const [first, second] = [await older.subscriber(channel), await tools.subscriber(channel)];
      await older.publish('e', 'd', channel);
      for (const wire of [first, second]) same((await wire.settle()).length, 1, 'frames');
      is(await get(tools, { key: 'older-key' }), 401, INVALID);
    },
  },
];

const bodies: Case[] = [
  {
    id: 'H07',
    rule: '8.3',
    title: 'invalid JSON with a valid signature: 400',
    async run(tools) {
      for (const path of ['/events', '/batch_events']) {
        for (const body of ['{', 'name=e', '{"name":"e",}'])
          is(await tools.publisher.post(path, body), 400, 'Bad request.');
      }
    },
  },
  {
    id: 'H46',
    rule: '8.3',
    title: 'JSON that is no object, and no body at all: 400',
    async run(tools) {
      for (const path of ['/events', '/batch_events']) {
        for (const body of ['[]', '1', '"x"', 'null', ''])
          is(await tools.publisher.post(path, body), 400, 'Bad request.');
      }
    },
  },
  {
    id: 'H25',
    rule: '8.12',
    title: 'a body over REVERB_MAX_REQUEST_SIZE: 413 "Payload too large."',
    needs: needs.smallRequests,
    async run(tools) {
      const body = JSON.stringify(EVENT).padEnd(1_001, ' ');
      is(await tools.publisher.post('/events', body), 413, 'Payload too large.');
    },
  },
  {
    id: 'H47',
    rule: '8.12',
    title: 'a body of exactly the limit is accepted: headers are not counted',
    needs: needs.smallRequests,
    async run(tools) {
      const body = JSON.stringify(EVENT).padEnd(1_000, ' ');
      is(await tools.publisher.post('/events', body, {}, { 'X-Long': 'x'.repeat(2_000) }), 200);
    },
  },
  {
    id: 'H48',
    rule: '8.12',
    title: 'by default a full batch of events with 10 000 bytes each is accepted',
    async run(tools) {
      const item = { name: 'e', data: 'x'.repeat(10_000), channel: tools.name('orders') };
      is(await tools.publisher.post('/batch_events', { batch: Array.from({ length: 10 }, () => item) }), 200);
    },
  },
  {
    id: 'H49',
    rule: '8.12',
    title: 'by default a body over the limit: 413 "Payload too large."',
    async run(tools) {
      is(
        await tools.publisher.post('/events', JSON.stringify(EVENT).padEnd(131_073, ' ')),
        413,
        'Payload too large.',
      );
    },
  },
  {
    id: 'H50',
    rule: '8.1',
    title: 'the Content-Type of a request does not matter',
    async run(tools) {
      for (const type of [
        'text/plain',
        'application/json; charset=utf-8',
        'application/x-www-form-urlencoded',
        ' application/json\ta',
      ]) {
        is(await tools.publisher.post('/events', EVENT, {}, { 'Content-Type': type }), 200);
      }
    },
  },
  {
    id: 'H26',
    rule: '8.9',
    title: 'terminate with an empty body and with {}: both signatures are valid, 200 {}',
    async run(tools) {
      for (const body of ['', '{}']) {
        const answer = await tools.publisher.post('/users/42/terminate_connections', body);
        same([answer.status, answer.json], [200, {}], `the answer to body "${body}"`);
      }
    },
  },
];

export const httpRequests: Case[] = [...paths, ...signatures, ...bodies];
