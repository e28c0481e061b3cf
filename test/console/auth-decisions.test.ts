/** The last questions at the auth gateway, and the reason of each outcome. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { explainDecisions } from '../../src/auth/recent/explain.ts';
import { MAX_PARTS, partsOf } from '../../src/auth/recent/parts.ts';
import { MAX_RECENT, type RecentDecision, RecentDecisions } from '../../src/auth/recent/recent.ts';
import { asker, bearer } from '../auth/asking.ts';
import { LaravelStandIn } from '../auth/laravel-stand-in.ts';
import { LONG_MS, operated, startOperated } from '../cli/operated-server.ts';
import { startRedis } from '../support/redis.ts';
import type { TestServer } from '../support/server.ts';
import { ask, loggedIn } from './operator.ts';

vi.setConfig({ testTimeout: 4 * LONG_MS });

interface Decision {
  readonly outcome: string;
  readonly status: number;
  readonly channel: string;
  readonly owner?: string;
  readonly parts: readonly string[];
  readonly why: string;
}

const read = async (server: TestServer, headers: Record<string, string>) => {
  const { json, text } = await ask(server, 'GET', '/admin/auth/decisions', headers);
  return { text, decisions: (json as { decisions: Decision[] }).decisions };
};

async function start(args: readonly string[] = [], env = operated()) {
  const app = await LaravelStandIn.start();
  const server = await startOperated({ ...env, WAVEHALL_AUTH_UPSTREAM: app.url }, args);
  return { app, server, question: asker(server), headers: await loggedIn(server) };
}

test('17.13 each question has its outcome and the reason, and no credentials', async () => {
  const { server, question, headers } = await start();
  const ann = { ...bearer('ann'), 'x-tenant': 'hidden-tenant' };
  await question({ headers: ann, socketId: '1.1' });
  await question({ headers: ann, socketId: '1.2' });
  await question({ headers: { ...ann, 'x-tenant': 'other-tenant' }, socketId: '1.3' });
  await question({ headers: bearer('bob'), socketId: '1.4' });
  await question({ headers: bearer('bob'), socketId: '1.5' });
  await question({ socketId: '1.6' });
  await question({ socketId: 'none' });
  const { decisions, text } = await read(server, headers);
  expect(decisions.map(({ outcome, status, why }) => [outcome, status, why]).reverse()).toEqual([
    ['asked', 200, 'It is the first question for this channel with this session or token.'],
    ['hit', 200, 'An equal question was allowed a moment ago: Laravel was not asked.'],
    ['asked', 200, 'The same session or token asked before, but differs in: header x-tenant.'],
    ['asked', 403, expect.stringContaining('with another session or token.')],
    ['asked', 403, 'An equal question was refused before: refusals are not remembered.'],
    ['passed_on', 403, expect.stringContaining('Nothing of it is remembered')],
    ['refused', 400, expect.stringContaining('The gateway refused it by itself')],
  ]);
  expect(decisions.at(-1)?.parts).toEqual(expect.arrayContaining(['method', 'path', 'header x-tenant']));
  expect(decisions.at(-1)).toMatchObject({ channel: 'private-of-ann', owner: expect.any(String) as string });
  expect(text).not.toMatch(/token-of|hidden-tenant|other-tenant|Bearer/);
});

test('17.13 the decisions of a session or token, and those about a channel, are forgotten on request', async () => {
  const { app, server, question, headers } = await start();
  await question({ headers: bearer('ann') });
  const { decisions } = await read(server, headers);
  for (const what of [{ owner: decisions[0]?.owner }, { channel: 'private-of-ann' }, { all: true }]) {
    const before = app.received.length;
    expect((await ask(server, 'POST', '/admin/auth/forget', headers, what)).status).toBe(200);
    await question({ headers: bearer('ann') });
    await question({ headers: bearer('ann') });
    expect(app.received.length - before).toBe(1);
  }
  const [, asked] = (await read(server, headers)).decisions;
  expect(asked).toMatchObject({ outcome: 'asked', why: expect.stringContaining('was forgotten') as string });
  for (const wrong of [{ owner: '' }, { owner: 7 }, { owner: 'x', channel: 'y' }])
    expect((await ask(server, 'POST', '/admin/auth/forget', headers, wrong)).status).toBe(400);
});

test('17.13 the questions of all workers are together', async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.close());
  const { server, question, headers } = await start(['--workers', '2'], operated(redis));
  for (let socket = 1; socket <= 12; socket += 1)
    await question({ headers: bearer('ann'), socketId: `1.${socket}` });
  const { decisions } = await read(server, headers);
  expect(decisions).toHaveLength(12);
  expect(decisions.filter(({ outcome }) => outcome === 'asked')).toHaveLength(1);
});

const DECISION: RecentDecision = {
  ...{
    atMs: 1,
    purpose: 'channel',
    channel: 'c',
    socket: '1.1',
    address: '::1',
    outcome: 'asked',
    status: 200,
  },
  question: { key: 'k', owners: ['o'], parts: [['method', 1]] },
};

test('17.13 keeps 200 questions, and short names', () => {
  const recent = new RecentDecisions();
  for (let at = 1; at <= MAX_RECENT; at += 1) recent.add({ ...DECISION, atMs: at });
  expect(recent.read()).toHaveLength(MAX_RECENT);
  expect(recent.read()[0]?.atMs).toBe(1);
  for (let at = MAX_RECENT + 1; at <= 5 * MAX_RECENT + 1; at += 1)
    recent.add({ ...DECISION, atMs: at, channel: 'c'.repeat(1000) });
  expect(recent.read()).toHaveLength(MAX_RECENT);
  expect(recent.read()[0]?.atMs).toBe(4 * MAX_RECENT + 2);
  expect(recent.read().at(-1)?.channel).toHaveLength(200);
  expect(explainDecisions([...recent.read(), ...recent.read()])).toHaveLength(MAX_RECENT);
});

test('17.13 keeps the names of 60 parts of a question, and the others as one', () => {
  const fields = { method: 'POST', path: '/', type: '', further: '[]', referer: '' };
  const headers = (count: number) => Array.from({ length: count }, (_, at) => [`x-${at}`, 'v'] as const);
  const names = (count: number) =>
    partsOf({ ...fields, cookies: '[["a","b"]]', headers: headers(count) }).map(([name]) => name);
  expect(names(MAX_PARTS - 6)).toHaveLength(MAX_PARTS);
  expect(names(MAX_PARTS - 6)).toContain('cookie a');
  expect(names(MAX_PARTS - 5)).toHaveLength(MAX_PARTS + 1);
  expect(names(MAX_PARTS + 40).at(-1)).toBe('others');
  expect(names(MAX_PARTS + 40)).toHaveLength(MAX_PARTS + 1);
});
