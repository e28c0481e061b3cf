/** Each cause of SPEC 16.5: by set-ups in a core of memory stores, or by the facts of nodes. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { FoundFacts, RequestFacts, TraceQuery, TraceQuestion } from '../../../src/core/trace/facts.ts';
import { type AskAll, lookUp, type Place, type TraceFacts } from '../../../src/core/trace/look-up.ts';
import { CAUSES, type Cause } from '../../../src/core/trace/story/finding.ts';
import { type Story, storyOf } from '../../../src/core/trace/story/index.ts';
import { duration, timeOf } from '../../../src/core/trace/story/words.ts';
import { type Client, settled, testApp } from '../fakes.ts';
import { EVENT, type Http, openHttp, type Reply } from '../../http/fixture.ts';

const seen = new Set<Cause>();
const findingsOf = ({ parts, findings }: Story) => [...parts.flatMap((part) => part.findings), ...findings];

function causesOf(story: Story): Cause[] {
  const causes = findingsOf(story).map(({ cause }) => cause);
  for (const cause of causes) seen.add(cause);
  return causes;
}
const textsOf = (story: Story): string[] => findingsOf(story).map(({ text }) => text);

let http: Http;
beforeEach(async () => {
  http = await openHttp({ apps: [testApp(), testApp({ id: 'other', credentials: [OTHER] })] });
  vi.useFakeTimers({ toFake: ['Date'], now: http.clock.nowMs });
});
afterAll(() => void vi.useRealTimers());

const OTHER = { key: 'other-key', secret: 'other-secret' };

/** The clock of the core, and that of the machine. */
function pass(ms: number): void {
  http.clock.pass(ms);
  vi.setSystemTime(http.clock.nowMs);
}

async function tell(query: TraceQuery, more: Partial<TraceFacts> = {}): Promise<Story> {
  const answerTo = (question: TraceQuestion) =>
    question.type === 'find' ? http.trace.find(question.query) : http.trace.follow(question, http.hub.scopes);
  const askAll = ((question: TraceQuestion) =>
    Promise.resolve({ answers: [answerTo(question)], silent: [], isComplete: true })) as unknown as AskAll;
  const facts = await lookUp(query, askAll, { nowMs: http.clock.nowMs, isCluster: true, onlyApp: 'app-id' });
  return storyOf({ ...facts, ...more });
}

const tellOf = ({ headers }: Reply, more: Partial<TraceFacts> = {}): Promise<Story> =>
  tell({ id: String(headers['x-wavehall-event-id']) }, more);

async function on(channel: string, client?: Client): Promise<Client> {
  const subscriber = client ?? (await http.connect());
  subscriber.subscribe(channel, channel.startsWith('presence-') ? { user_id: 1 } : undefined);
  await settled();
  return subscriber;
}

async function publish(channel: string, more: object = {}): Promise<Reply> {
  const answer = await http.post('/events', { ...EVENT, channel, ...more });
  await settled();
  return answer;
}

describe('an event that arrived', () => {
  test('16.5 delivered: who got it, and which name the page has to listen to', async () => {
    await on('private-a');
    await on('private-a');
    const story = await tellOf(await publish('private-a', { name: 'App\\Events\\Paid' }));
    expect(causesOf(story)).toEqual(['delivered', 'check_event']);
    expect(textsOf(story)).toEqual([
      '2 sockets got it (2 on test/1), as event 1 of the channel',
      "if a page does not react, check the name that it listens to: Echo listens with .listen('Paid'), or .listen('.App\\Events\\Paid')",
    ]);
    expect(textsOf(await tellOf(await publish('private-a', { name: 'paid' })))[1]).toContain(
      ".listen('.paid')",
    );
  });

  test('16.5 check_encryption: clients of an encrypted channel need the key', async () => {
    await on('private-encrypted-a');
    const story = await tellOf(await publish('private-encrypted-a'));
    expect(causesOf(story)).toEqual(['delivered', 'check_event', 'check_encryption']);
  });

  test('16.5 slow_reader: a connection was closed since, because it did not read', async () => {
    const reader = await on('private-a');
    const before = await publish('private-a');
    pass(1000);
    reader.socket.bufferedBytes = 20_000;
    await publish('private-a', { data: '2' });
    const story = await tellOf(before);
    expect(causesOf(story)).toEqual(['delivered', 'check_event', 'slow_reader']);
    expect(textsOf(story)[2]).toContain(`, socket ${reader.socketId} from 192.0.2.1: what it was sent`);
    pass(1000);
    expect(causesOf(await tellOf(await publish('private-a', { data: '3' })))).not.toContain('slow_reader');
  });

  test('16.5 sender_only and excluded: the sender does not get it', async () => {
    const sender = await on('private-a');
    const alone = await publish('private-a', { socket_id: sender.socketId });
    expect(causesOf(await tellOf(alone))).toEqual(['sender_only']);
    await on('private-a');
    pass(1000);
    const both = await publish('private-a', { socket_id: sender.socketId });
    expect(causesOf(await tellOf(both))).toEqual(['delivered', 'excluded']);
  });

  test('16.5 slow: a client event is left out for a socket that reads too slowly', async () => {
    const [sender, slow] = [await on('private-a'), await on('private-a')];
    slow.socket.bufferedBytes = 2000;
    sender.sendClientEvent('private-a', 'client-typing');
    await settled();
    const story = await tell({ channel: 'private-a' });
    expect(causesOf(story)).toEqual(['excluded', 'slow']);
    expect(story.received).toContain(`client event of socket ${sender.socketId}`);
  });

  test('16.5 closing: a socket that is closing gets nothing', async () => {
    await on('private-a');
    for (const connection of http.hub.connections()) connection.stopWriting();
    expect(causesOf(await tellOf(await publish('private-a')))).toEqual(['closing']);
  });

  test('16.5 subscribed_after: a further client came later', async () => {
    await on('private-a');
    const answer = await publish('private-a');
    pass(400);
    await on('private-a');
    const texts = textsOf(await tellOf(answer));
    expect(texts).toContain('a further client subscribed 0.4 s after the event');
  });
});

describe('an event that nobody got', () => {
  test('16.5 no_subscribers, no_clients, check_nodes, check_subscription: nobody is there', async () => {
    const answer = await publish('private-a');
    expect(causesOf(await tellOf(answer))).toEqual(['no_subscribers', 'no_clients']);
    expect(causesOf(await tellOf(answer, { isCluster: false }))).toEqual([
      'no_subscribers',
      'no_clients',
      'check_nodes',
    ]);
    await http.connect();
    const [open, signed] = [await publish('a'), await publish('private-encrypted-a')];
    expect(causesOf(await tellOf(open))).toEqual(['no_subscribers', 'check_subscription']);
    expect(textsOf(await tellOf(open))[1]).toBe(
      '1 client connected: none of them subscribes to a; does the page, before the event?',
    );
    expect(textsOf(await tellOf(signed))[1]).toMatch(/answer of \/broadcasting\/auth .* shared_secret/);
    const user = await publish('#server-to-user-7');
    expect(textsOf(await tellOf(user))[0]).toBe('no connection is signed in as user 7');
  });

  test('16.5 subscribed_after and check_last: the first subscriber came later', async () => {
    const [plain, cached] = [await publish('private-a'), await publish('cache-a')];
    pass(400);
    for (const channel of ['private-a', 'cache-a']) await on(channel);
    expect(causesOf(await tellOf(plain))).toEqual(['subscribed_after', 'check_last']);
    expect(textsOf(await tellOf(plain))[0]).toBe('subscribed 0.4 s after the event');
    expect(causesOf(await tellOf(cached))).toEqual(['subscribed_after']);
  });

  test('16.5 left_before: the last subscriber left, and perhaps another one came after the event', async () => {
    const left = await on('private-a');
    left.send({ event: 'pusher:unsubscribe', data: { channel: 'private-a' } });
    await settled();
    pass(300);
    const answer = await publish('private-a');
    expect(causesOf(await tellOf(answer))).toEqual(['no_subscribers', 'left_before']);
    expect(textsOf(await tellOf(answer))[1]).toMatch(/^the last subscriber left 0\.3 s before the event: /);
    pass(400);
    const back = await on('private-a');
    expect(causesOf(await tellOf(answer))).toEqual(['left_before', 'subscribed_after', 'check_last']);
    back.send({ event: 'pusher:unsubscribe', data: { channel: 'private-a' } });
    await settled();
    expect(textsOf(await tellOf(answer))[1]).toMatch(/^the last subscriber left 0\.3 s before the event: /);
    pass(15 * 60_000 + 1);
    expect(causesOf(await tellOf(await publish('private-a')))).not.toContain('left_before');
  });

  test.each<[Cause, string, string]>([
    ['prefix', 'orders', 'private-orders'],
    ['prefix', 'private-orders', 'orders'],
    ['prefix', 'private-orders', 'presence-orders'],
    ['prefix', 'orders', 'private-cache-orders'],
    ['letter_case', 'private-Orders', 'private-orders'],
    ['letter_case', 'ORDERS', 'private-orders'],
    ['near_name', 'private-orders', 'private-orders.7'],
    ['near_name', 'private-orders.7', 'private-orders'],
    ['near_name', 'private-order.7', 'private-orders.7'],
    ['near_name', 'private-ordres', 'private-orders'],
  ])('16.5 %s: published to %s, subscribed to %s', async (cause, published, subscribed) => {
    await on(subscribed);
    const story = await tellOf(await publish(published));
    expect(causesOf(story)).toEqual(['no_subscribers', cause]);
    expect(textsOf(story)[1]).toContain(`did you mean ${subscribed} (1 subscriber)?`);
  });

  test.each([
    ['private-orders.7', 'private-orders.8'],
    ['private-orders.7', 'private-orders.70'],
    ['a', 'b.c'],
    ['private-a', 'private-b'],
    ['private-users', 'private-orders'],
  ])('16.5 %s is not near %s', async (published, subscribed) => {
    await on(subscribed);
    expect(causesOf(await tellOf(await publish(published)))).toEqual([
      'no_subscribers',
      'check_subscription',
    ]);
  });

  test('16.5 other_app: the subscribers are in another app of this server', async () => {
    const client = http.open({ appKey: OTHER.key });
    await settled();
    client.subscribe('private-a', undefined, OTHER);
    await settled();
    const story = await tellOf(await publish('private-a'));
    expect(causesOf(story)).toEqual(['no_subscribers', 'other_app']);
    expect(textsOf(story)[1]).toContain('1 subscriber on this channel of the app other');
  });

  test('16.5 subscription_refused, client_key, client_origin, client_refused: clients were refused', async () => {
    http = await openHttp({ app: testApp({ allowedOrigins: ['https://ok.test'], requireTls: false }) });
    const client = await http.connect({ origin: 'https://ok.test' });
    client.subscribe('private-a', undefined, { key: 'app-key', secret: 'wrong' });
    await http.connect({ appKey: 'no-such-key' });
    await http.connect({ origin: 'https://evil.test' });
    await http.connect({ origin: 'https://ok.test', protocol: '3' });
    const story = await tellOf(await publish('private-a'));
    expect(causesOf(story).sort()).toEqual([
      'client_key',
      'client_origin',
      'client_refused',
      'no_subscribers',
      'subscription_refused',
    ]);
    const other = await tellOf(await publish('private-b'));
    expect(causesOf(other)).not.toContain('subscription_refused');
  });

  test('16.5 client_event_refused: of a channel, since its newest event, with the reason', async () => {
    const { clock } = http;
    const member = await on('private-a');
    await publish('private-a');
    pass(10);
    const stranger = await http.connect();
    stranger.sendClientEvent('private-a', 'client-x');
    await settled();
    const story = await tell({ channel: 'private-a' });
    expect(causesOf(story)).toEqual(['delivered', 'check_event', 'client_event_refused']);
    expect(textsOf(story)[2]).toBe(
      `1 client event to private-a refused (client_event), the last at ${timeOf(clock.nowMs)}, socket ${stranger.socketId} from 192.0.2.1: The client is not a member of the specified channel.`,
    );
    pass(10);
    member.sendClientEvent('private-a', 'client-y');
    await settled();
    expect(causesOf(await tell({ channel: 'private-a' }))).toEqual(['sender_only']);
    member.sendClientEvent('private-encrypted-a', 'client-x');
    member.send(`{"event":"client-x","channel":"private-a","data":"${'x'.repeat(20_000)}"}`);
    await settled();
    const refused = textsOf(await tell({ channel: 'private-encrypted-a' }));
    expect(refused).toContainEqual(
      expect.stringMatching(
        /to private-encrypted-a .*: Client events are not allowed on this kind of channel\.$/,
      ),
    );
    expect(refused).toContainEqual(
      expect.stringMatching(/\(message_size\).*: a message is larger than REVERB_APP_MAX_MESSAGE_SIZE$/),
    );
  });

  test('16.5 not_published: the idempotency key was used before', async () => {
    const headers = { 'idempotency-key': 'a' };
    await http.post('/events', EVENT, { headers });
    const story = await tellOf(await http.post('/events', EVENT, { headers }));
    expect(causesOf(story)).toEqual(['not_published']);
  });
});

describe('an event that was refused', () => {
  test.each<[Cause, object]>([
    ['refused_size', { data: 'x'.repeat(10_241) }],
    ['refused_invalid', { name: 7 }],
    ['refused_invalid', { channel: 'a b' }],
  ])('16.5 %s', async (cause, more) => {
    expect(causesOf(await tellOf(await publish('private-a', more)))).toEqual([cause]);
  });

  test.each<[Cause, number]>([
    ['refused_signature', 401],
    ['refused_app', 404],
    ['refused_rate', 429],
    ['refused_unavailable', 500],
    ['refused_unavailable', 503],
    ['refused_unavailable', 504],
  ])('16.5 %s by the status %i', (cause, status) => {
    const facts = factsOf({}, { request: { ...REQUEST, outcome: { status, answer: 'no' } } });
    expect(causesOf(storyOf(facts))).toEqual([cause]);
  });
});

describe('without an event', () => {
  test('16.5 nothing_published: since the start, or for so long, with what was refused since then', async () => {
    pass(60_000);
    expect(textsOf(await tell({}))[0]).toBe(
      'nothing published to the app app-id since this server started 60 s ago',
    );
    await publish('private-x');
    pass(14 * 60_000);
    for (let times = 0; times < 6; times += 1) await http.post('/events', EVENT, { ageSeconds: 660 });
    await http.post('/events', EVENT, { credential: { key: 'app-key', secret: 'wrong' } });
    await http.call('POST', '/apps/none/events', { body: EVENT });
    const story = await tell({ app: 'other' });
    expect(causesOf(story)).toEqual(['nothing_published', 'check_publisher', 'refused_app']);
    const own = await tell({ channel: 'private-a', app: 'app-id' });
    expect(causesOf(own).sort()).toEqual([
      ...['nothing_published', 'refused_app', 'refused_clock', 'refused_signature'],
    ]);
    expect(textsOf(own)[0]).toMatch(/^nothing published to private-a .*, 14 minutes ago$/);
    expect(textsOf(own)).toContainEqual(
      expect.stringMatching(/^6 refused with 401 \(clock 11 minutes off\), from 127\.0\.0\.1, /),
    );
  });

  test('16.5 other_channel: published to a near name', async () => {
    pass(LATELY_MS);
    await publish('orders');
    const story = await tell({ channel: 'private-orders' });
    expect(causesOf(story)).toEqual(['nothing_published', 'other_channel']);
    expect(textsOf(story)[1]).toMatch(/^published to orders at \d\d:\d\d:\d\d\.\d{3} UTC: did you mean/);
  });

  test('16.5 unknown_id and not_kept: nobody gave the id, or it is no longer kept', async () => {
    pass(LATELY_MS);
    expect(causesOf(await tell({ id: 'nobody00-1' }))).toEqual(['unknown_id']);
    expect(causesOf(await tell({ id: 'test0000-zz' }))).toEqual(['not_kept']);
  });

  test('16.5 new_process: what a process did that another one replaced is not known', async () => {
    pass(LATELY_MS - 1);
    const id = await tell({ id: 'nobody00-1' });
    expect(causesOf(id)).toEqual(['unknown_id', 'new_process']);
    expect(textsOf(id)[1]).toBe(
      'test/1 started 15 minutes ago: what a process before it did is no longer known',
    );
    await publish('private-x');
    expect(causesOf(await tell({ channel: 'y' }))).toContain('new_process');
    pass(1);
    expect(causesOf(await tell({ channel: 'y' }))).not.toContain('new_process');
    const process = (at: number) => ({ ...FOUND, label: `web/${at}`, startedAtMs: 5000 + at });
    const delivery = DELIVERY;
    const story = storyOf(factsOf({ delivery }, { found: [0, 1, 2, 3, 4].map(process) }));
    expect(causesOf(story)).toEqual(['delivered', 'check_event', 'new_process']);
    expect(textsOf(story)[2]).toMatch(/^web\/1, web\/2, web\/3 and 1 more started 4 ms after the event: /);
  });
});

const LATELY_MS = 15 * 60_000;
const FOUND: FoundFacts = {
  ...{ process: 'test0001', label: 'web/1', startedAtMs: 0 },
  ...{ requests: [], publishedNear: [], refusals: [] },
};
const REQUEST: RequestFacts = {
  ...{
    id: 'test0000-1',
    atMs: 5000,
    tookMs: 1,
    app: 'a',
    source: 'http',
    address: '192.0.2.1',
    bodyBytes: 9,
  },
  ...{ outcome: { status: 200 }, partCount: 1 },
  parts: [{ place: 0, event: 'e', channel: 'c', bytes: 9, fingerprint: 'd' }],
};
const PLACE: Place = {
  ...{ channel: 'c', subscribers: 2, occupiedAtMs: 1000, joinedAtMs: 1000, slow: 0, waiting: 0 },
  ...{ near: [], otherApps: [], label: 'web-2/7', connections: 2, keptSinceMs: 1000 },
};
const DELIVERY = {
  ...{ app: 'a', channel: 'c', fingerprint: 'd', atMs: 5001 },
  ...{ subscribers: 1, sockets: 1, excluded: 0, slow: 0, closing: 0, subscribing: 0 },
};

const factsOf = (place: Partial<Place>, more: Partial<TraceFacts> = {}): TraceFacts => ({
  ...{
    nowMs: 9000,
    query: { id: REQUEST.id },
    app: 'a',
    request: REQUEST,
    receivedBy: 'web-1/1',
    others: [],
  },
  ...{ found: [], silent: [], isComplete: true, isCluster: true },
  parts: REQUEST.parts.map((part) => ({ part, places: [{ ...PLACE, ...place }] })),
  ...more,
});
const causesAt = (place: Partial<Place>, more: Partial<TraceFacts> = {}): Cause[] =>
  causesOf(storyOf(factsOf(place, more)));

test('16.5 delivered: with the place of the event in the history of its channel, if it is in one', () => {
  const textAt = (offset?: number) =>
    storyOf(factsOf({ delivery: { ...DELIVERY, offset } })).parts[0]?.findings[0]?.text;
  expect([textAt(), textAt(42)]).toEqual([
    '1 socket got it (1 on web-2/7)',
    '1 socket got it (1 on web-2/7), as event 42 of the channel',
  ]);
});

describe('other nodes', () => {
  test('16.5 not_received: a node had subscribers and notes no delivery, also when another one has some', () => {
    expect(causesAt({})).toEqual(['not_received']);
    const [first] = factsOf({}).parts;
    const parts = [{ ...first!, places: [PLACE, { ...PLACE, delivery: DELIVERY, label: 'web-1/1' }] }];
    expect(causesAt({}, { parts })).toEqual(['delivered', 'check_event', 'not_received']);
  });

  test('16.5 not_kept, waiting, subscribing: it may have got it', () => {
    expect(causesAt({ keptSinceMs: 5001 })).toEqual(['not_kept']);
    expect(causesAt({ keptSinceMs: 5000 })).toEqual(['not_received']);
    expect(causesAt({ waiting: 3 })).toEqual(['waiting']);
    expect(causesAt({ delivery: { ...DELIVERY, subscribers: 0, sockets: 0, subscribing: 1 } })).toEqual([
      'subscribing',
    ]);
  });

  test('16.5 silent_node and redis_away: not all could be asked', () => {
    const delivery = DELIVERY;
    expect(causesAt({ delivery }, { silent: ['n1', 'n2'] })).toEqual([
      ...['delivered', 'check_event', 'silent_node', 'silent_node'],
    ]);
    expect(causesAt({ delivery }, { isComplete: false })).toEqual(['delivered', 'check_event', 'redis_away']);
  });
});

test('16.5 each cause occurs in these tests, in the table of the rule, and on the page for users', () => {
  expect(CAUSES.filter((cause) => !seen.has(cause))).toEqual([]);
  const spec = readFileSync(new URL('../../../protocol/SPEC.md', import.meta.url), 'utf8');
  const page = readFileSync(new URL('../../../docs/trace.md', import.meta.url), 'utf8');
  expect(CAUSES.filter((cause) => !page.includes(`\`${cause}\``))).toEqual([]);
  const table = spec.slice(spec.indexOf('### 16.5 '), spec.indexOf('\n## 17 '));
  expect([...table.matchAll(/^\| `(\w+)`/gm)].map(([, cause]) => cause)).toEqual([...CAUSES]);
});

test('16.5 durations are in the unit that a reader expects', () => {
  const shown = [-1, 0, 99, 400, 9_900, 14_000, 14 * 60_000, 3 * 3_600_000, 3 * 86_400_000].map(duration);
  expect(shown).toEqual([
    '0 ms',
    '0 ms',
    '99 ms',
    '0.4 s',
    '9.9 s',
    '14 s',
    '14 minutes',
    '3 hours',
    '3 days',
  ]);
});
