/** The file that carries the outbox of a single node over a restart. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { MemoryOutbox } from '../../src/stores/memory/outbox/outbox.ts';
import { encodeSaved, FIRST_LINE } from '../../src/stores/memory/outbox/saved-lines.ts';
import { OutboxFile } from '../../src/stores/memory/outbox/state-file.ts';
import { temporaryFolder } from '../cli/command.ts';
import { takeAll, wishesOf } from './outbox.ts';

const ROOM = 10_000;
const SECOND_LINE = '{"events":1}';
const newPath = (): string => join(temporaryFolder(), 'webhooks.json');
const news = (channel: string) =>
  ({ type: 'client_event', ref: { app: 'a', channel }, fields: { event: 'client-x' } }) as const;

const outboxes: MemoryOutbox[] = [];
afterEach(() => outboxes.splice(0).forEach((outbox) => outbox.stop()));

function openOutbox(endpoints = ['one']): MemoryOutbox {
  const outbox = new MemoryOutbox(wishesOf({ endpoints }));
  outboxes.push(outbox);
  return outbox;
}

/** A file with what it has logged. */
function openFile(path: string, maxBytes = ROOM) {
  const lines: string[] = [];
  const warn = (message: string, details: object = {}): void =>
    void lines.push(`${message} ${JSON.stringify(details)}`);
  return { file: new OutboxFile({ path, maxBytes }, { warn }), lines };
}

/** Saves an outbox with these channels, in their order. */
async function saveWith(path: string, channels: readonly string[], maxBytes = ROOM): Promise<string[]> {
  const outbox = openOutbox();
  for (const channel of channels) await outbox.add(news(channel));
  outbox.stop();
  const { file, lines } = openFile(path, maxBytes);
  await file.save(outbox);
  return lines;
}

async function channelsFrom(path: string, maxBytes = ROOM): Promise<{ channels: string[]; lines: string[] }> {
  const outbox = openOutbox();
  const { file, lines } = openFile(path, maxBytes);
  await file.load(outbox);
  const taken = await outbox.take('one', 100);
  return { channels: taken.map(({ ref }) => ref.channel), lines };
}

test('9.6 what waits, what may be taken back and what has failed survive a restart, in their order', async () => {
  const path = newPath();
  const before = openOutbox();
  for (const channel of ['a', 'b', 'c']) await before.add(news(channel));
  const [first, second] = await before.take('one', 2);
  await before.failed('one', first!.id, 3);
  await before.bury('one', second!, 'HTTP 410');
  before.transitions.added({ app: 'a', channel: 'presence-x' }, 'ada');
  before.transitions.removed({ app: 'a', channel: 'presence-x' }, 'ada');
  before.stop();
  await openFile(path).file.save(before);

  const after = openOutbox();
  await openFile(path).file.load(after);
  const taken = await takeAll(after, 'one', 4);
  expect(taken.map(({ type, ref, attempts }) => [type, ref.channel, attempts])).toEqual([
    ['client_event', 'a', 3],
    ['client_event', 'c', 0],
    ['member_added', 'presence-x', 0],
    ['member_removed', 'presence-x', 0],
  ]);
  expect(taken[0]).toEqual({ ...first, attempts: 3 });
  expect(await after.deadLetters(9)).toMatchObject([{ endpoint: 'one', reason: 'HTTP 410' }]);
});

test('9.4 the smoothing begins anew: who comes back after the restart causes nothing', async () => {
  const path = newPath();
  const [before, after] = [openOutbox(), openOutbox()];
  const ref = { app: 'a', channel: 'news' };
  before.transitions.vacated(ref);
  before.stop();
  await openFile(path).file.save(before);
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"dueMs":\d+/, '"dueMs":1'));
  await openFile(path).file.load(after);
  expect(after.save().waiting[0]?.dueMs).toBeGreaterThan(Date.now());
  after.transitions.occupied(ref);
  expect(after.save().waiting).toEqual([]);
  expect(await after.take('one', 9)).toEqual([]);
});

test('9.6 only the owner may read the file, and it is gone when it was read', async () => {
  const path = newPath();
  expect(await saveWith(path, ['a'])).toEqual([]);
  expect(readdirSync(dirname(path))).toEqual(['webhooks.json']);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(await channelsFrom(path)).toEqual({ channels: ['a'], lines: [] });
  expect(readdirSync(dirname(path))).toEqual([]);
  expect(await channelsFrom(path)).toEqual({ channels: [], lines: [] });
});

test('9.6 nothing is written when nothing waits', async () => {
  const path = newPath();
  await saveWith(path, []);
  expect(readdirSync(dirname(path))).toEqual([]);
});

test('9.6 events of an endpoint that is gone are left out', async () => {
  const path = newPath();
  await saveWith(path, ['a']);
  const after = openOutbox(['other']);
  await openFile(path).file.load(after);
  expect(await after.take('other', 9)).toEqual([]);
  expect(after.save().events).toEqual([]);
});

test('9.9 the file takes its bytes and not one more: the oldest is lost, and counted in the log', async () => {
  const path = newPath();
  const channels = ['a', 'b', 'c'];
  await saveWith(path, channels);
  const { size } = statSync(path);
  expect(await saveWith(path, channels, size)).toEqual([]);
  expect((await channelsFrom(path, size)).channels).toEqual(channels);
  expect(await saveWith(path, channels, size - 1)).toEqual([
    expect.stringMatching(/^WAVEHALL_WEBHOOK_STATE_BYTES=\d+ has no room .*\{"lost":1\}$/),
  ]);
  expect((await channelsFrom(path, size - 1)).channels).toEqual(['b', 'c']);
});

test('9.9 failed deliveries make room for events that were never sent', () => {
  const entry = { ...news('x'), timeMs: 1 };
  const dead = [2, 1].map((diedAtMs) => ({
    id: `${diedAtMs}`,
    endpoint: 'one',
    entry,
    reason: '',
    diedAtMs,
  }));
  const events = [{ id: 'e', record: news('a'), timeMs: 1, queuedAtMs: 1, attempts: [] }];
  const all = encodeSaved({ waiting: [], events, dead }, ROOM);
  const { text, dropped } = encodeSaved({ waiting: [], events, dead }, all.text.length - 1);
  expect(dropped).toBe(1);
  expect(text).toContain('"events"');
  expect(text).toContain('"diedAtMs":2');
  expect(text).not.toContain('"diedAtMs":1');
});

test('9.9 a file that is too large is not read', async () => {
  const path = newPath();
  await saveWith(path, ['a', 'b']);
  const { size } = statSync(path);
  const { channels, lines } = await channelsFrom(path, size - 1);
  expect(channels).toEqual([]);
  expect(lines).toEqual([
    expect.stringContaining(`WAVEHALL_WEBHOOK_STATE_BYTES="${size - 1}": expected at least ${size}`),
  ]);
});

test.each(['', '{', 'null', '{"events":[]}', 'root:x:0:0\n'])(
  '9.6 a file that contains %j is named in one line of the log, and stays',
  async (text) => {
    const path = newPath();
    writeFileSync(path, text);
    const { channels, lines } = await channelsFrom(path);
    expect(channels).toEqual([]);
    expect(lines).toEqual([expect.stringContaining(`WAVEHALL_WEBHOOK_STATE_FILE=${path} could not be read`)]);
    expect(readFileSync(path, 'utf8')).toBe(text);
  },
);

test.each([
  SECOND_LINE,
  '{',
  'null',
  '{"events":{"id":"x"}}',
  '{"events":{"id":"x","record":{"type":"client_event","ref":{"app":"a","channel":"c"},"fields":{"x":{}}},"timeMs":1,"attempts":[]}}',
  '{"waiting":{"ref":{"app":"a"},"kind":"vacated","value":"","dueMs":1}}',
  '{"waiting":{"ref":{"app":"a","channel":"c"},"kind":"exploded","value":"","dueMs":1}}',
  '{"dead":{"id":"x","endpoint":"one","reason":"","diedAtMs":1,"entry":null}}',
])('9.6 a line %s is left out, and the others are read', async (line) => {
  const path = newPath();
  await saveWith(path, ['a', 'b']);
  const [first, ...others] = readFileSync(path, 'utf8').split('\n');
  expect(first).toBe(FIRST_LINE);
  writeFileSync(path, [first, line, ...others].join('\n'));
  const { channels, lines } = await channelsFrom(path);
  expect(channels).toEqual(['a', 'b']);
  expect(lines).toEqual([expect.stringMatching(/lines that could not be read .*\{"lines":1\}$/)]);
});

test('9.6 a file that cannot be read or written is one line of the log', async () => {
  const folder = temporaryFolder();
  expect((await channelsFrom(folder)).lines).toEqual([expect.stringContaining('this is no file')]);
  const missing = join(folder, 'nowhere', 'webhooks.json');
  expect((await channelsFrom(missing)).lines).toEqual([]);
  expect(await saveWith(missing, ['a', 'b'])).toEqual([
    expect.stringMatching(/could not be written, so the webhooks that wait are lost: ENOENT.*\{"lost":2\}$/),
  ]);
  expect(await saveWith(folder, ['a'])).toHaveLength(1);
  expect(readdirSync(folder)).toEqual([]);
});
