/** docs/limits.md against the settings and the reasons of refusals: complete and up to date. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { APP_LIMITS } from '../../src/apps/limits.ts';
import { APP_OPTIONS, RATE_LIMITING } from '../../src/apps/options.ts';
import type { Setting } from '../../src/settings/settings.ts';
import { SERVER_SETTINGS } from '../../src/config/server.ts';
import { REASONS } from '../../src/core/refusals/reasons.ts';
import { ROOT } from './shell-blocks.ts';

interface Row {
  readonly limit: string;
  readonly variable: string;
  readonly fallback: string;
  readonly reverb: string;
  readonly beyond: string;
  readonly counted: string;
}

const SETTINGS: readonly Setting<unknown>[] = [
  APP_LIMITS,
  APP_OPTIONS,
  RATE_LIMITING,
  SERVER_SETTINGS,
].flatMap((table): Setting<unknown>[] => Object.values(table));

/** Numeric settings that do not limit clients or publishers. */
const NO_LIMIT =
  /_PORT$|^REDIS_DB$|^WAVEHALL_(WORKERS|APP_WEIGHT|TERMINATE_CLOSE_CODE|DRAIN_REFUSAL|REDIS_PARTITIONS|CUTOVER_(?!QUEUE|MAX|IDLE).*)$/;

const rows = readFileSync(`${ROOT}docs/limits.md`, 'utf8')
  .split('\n')
  .filter((line) => /^\|[^|]*\| *`(REVERB|WAVEHALL)_/.test(line))
  .map((line): Row => {
    const [, limit = '', variable = '', fallback = '', reverb = '', beyond = '', counted = ''] = line
      .split('|')
      .map((cell) => cell.trim());
    return {
      limit,
      variable: variable.replaceAll('`', ''),
      fallback: fallback.replace(/[,`]/g, ''),
      reverb,
      beyond,
      counted,
    };
  });

const isNumber = ({ fallback }: Setting<unknown>): boolean => /^\d+$/.test(fallback);

test('every setting that is a number and limits something has a row', () => {
  const known = new Set(rows.map(({ variable }) => variable));
  const missing = SETTINGS.filter((setting) => isNumber(setting) && !NO_LIMIT.test(setting.name))
    .map(({ name }) => name)
    .filter((name) => !known.has(name));
  expect(missing).toEqual([]);
});

test.each(rows.map((row) => [row.variable, row] as const))(
  '%s has the default of the source, and every column',
  (variable, row) => {
    const setting = SETTINGS.find(({ name }) => name === variable);
    expect(setting?.fallback).toBe(row.fallback);
    for (const cell of [row.limit, row.reverb, row.beyond, row.counted]) expect(cell).not.toBe('');
  },
);

test('each limit is counted by a reason of wavehall_refusals_total or a metric', () => {
  const reasons = new Set(Object.keys(REASONS));
  const named = rows.flatMap(({ counted }) =>
    [...counted.matchAll(/`([a-z_]+)`/g)].map(([, name = '']) => name),
  );
  expect(named.filter((name) => !reasons.has(name) && !name.startsWith('wavehall_'))).toEqual([]);
  expect(named.length).toBeGreaterThan(20);
});

// --- fixed limits ----------------------------------------------------------------------

/** Constant of each fixed limit, and the test that tries n and n + 1. */
const FIXED: Readonly<Record<string, readonly [file: string, name: string, test: string, title: string]>> = {
  'messages of a socket that wait for an earlier one': [
    'src/core/client/session.ts',
    'MAX_WAITING',
    'core/session',
    'with more than 64 waiting messages',
  ],
  'client events of a socket on their way to Redis': [
    'src/core/channels/relay.ts',
    'MOST_IN_FLIGHT',
    'core/relay',
    'while 64 of one socket are in flight',
  ],
  'events that wait for the sockets of a channel': [
    'src/core/channels/fan-out/backlog.ts',
    'BACKLOG_EVENTS',
    'http/behind',
    'with 503 and Retry-After, and delivers nothing',
  ],
  'bytes of these events': [
    'src/core/channels/fan-out/backlog.ts',
    'BACKLOG_BYTES',
    'core/hub',
    'what waits is counted in bytes',
  ],
  'secrets or public keys of tokens': [
    'src/config/access/token-keys.ts',
    'MOST_KEYS',
    'config/tokens',
    '1 to 10 secrets of 32 bytes are accepted',
  ],
  'bytes of a key set of tokens': [
    'src/auth/tokens/key-set.ts',
    'KEY_SET_BYTES',
    'auth/tokens/key-set',
    'a set of the most keys and of the most bytes is read',
  ],
  'keys in a key set of tokens': [
    'src/auth/tokens/key-set.ts',
    'MOST_KEYS',
    'auth/tokens/key-set',
    'a set of the most keys and of the most bytes is read',
  ],
  'bytes of a file of channel rules': [
    'src/config/access/channel-rules.ts',
    'RULES_BYTES',
    'config/tokens',
    'a file of 1 MiB is read, one of a byte more is not',
  ],
  'channel rules': [
    'src/auth/rules/parse-rules.ts',
    'MOST_RULES',
    'auth/rules/rules',
    '8 levels of conditions, 100 values and 1000 rules are accepted',
  ],
  'levels of conditions in a rule': [
    'src/auth/rules/condition.ts',
    'MOST_LEVELS',
    'auth/rules/rules',
    '8 levels of conditions, 100 values and 1000 rules are accepted',
  ],
  'values of a condition, and conditions of a list': [
    'src/auth/rules/condition.ts',
    'MOST_VALUES',
    'auth/rules/rules',
    '8 levels of conditions, 100 values and 1000 rules are accepted',
  ],
  'claims in the info of a member': [
    'src/auth/rules/member.ts',
    'MOST_NAMES',
    'auth/rules/rules',
    '100 claims in an info are accepted, one more is not',
  ],
  'sockets that one second closes for an expired token': [
    'src/core/client/token-expiry.ts',
    'MOST_CLOSED',
    'core/token-signin',
    '500 sockets are closed in a second',
  ],
  'levels of lists and objects in a message': [
    'protocol/json/json-text.ts',
    'MOST_LEVELS',
    'protocol/json-text',
    '512 levels are accepted, 513 are not',
  ],
  'bytes of a message or a request body, whatever is set': [
    'src/apps/ceilings.ts',
    'CEILING_BYTES',
    'attacks/limits',
    'to 16 MiB',
  ],
  'characters of one part of a path': [
    'src/server/entrances/http.ts',
    'MAX_PART_CHARACTERS',
    'transports/held-sockets',
    'a path segment of 1,024 characters',
  ],
  'wrong fields that an answer names': [
    'src/http/routes/schemas.ts',
    'MAX_NAMED_FIELDS',
    'attacks/http-hostile',
    'at most the first hundred invalid fields',
  ],
  'seconds that a body which is too large may go on arriving': [
    'src/http/plugin.ts',
    'DRAIN_MS',
    'transports/held-sockets',
    'a body that is too large',
  ],
  'bytes of a request to the admin API': [
    'src/admin/routes/answers.ts',
    'MAX_BODY_BYTES',
    'transports/held-sockets',
    'to the admin API',
  ],
  'viewers of `wavehall tail` and the console on one worker': [
    'src/admin/routes/live.ts',
    'MAX_VIEWERS',
    'cli/tail',
    'viewers, and one more when one has left',
  ],
  'sessions of the console': [
    'src/admin/console/sessions.ts',
    'MAX_SESSIONS',
    'console/sessions',
    'sessions for 12 hours; one more ends the oldest',
  ],
  'seconds of such a session': [
    'src/admin/console/sessions.ts',
    'SESSION_MS',
    'console/sessions',
    'sessions for 12 hours; one more ends the oldest',
  ],
  'wrong tokens of one address in a minute, at the log-in of the console': [
    'src/admin/console/login-attempts.ts',
    'MAX_WRONG_TOKENS',
    'console/sessions',
    'wrong tokens an address waits',
  ],
  'addresses whose wrong tokens are remembered': [
    'src/admin/console/login-attempts.ts',
    'MAX_ADDRESSES',
    'console/sessions',
    'addresses, and forgets the first of one more',
  ],
  'bytes of a log-in to the console': [
    'src/admin/console/session-routes.ts',
    'MAX_BODY_BYTES',
    'console/sessions',
    'a large one 413',
  ],
  'bytes of a message to the live socket': [
    'src/admin/routes/live.ts',
    'MAX_MESSAGE_BYTES',
    'console/live-socket',
    'one that is too large ends its socket',
  ],
  'steps of 10 seconds in the history of the console': [
    'src/core/traffic/history.ts',
    'HISTORY_STEPS',
    'core/traffic-history',
    'steps, and forgets the first of one more',
  ],
  'names of one answer to a search in the console': [
    'src/core/live/inspect/questions.ts',
    'MAX_ROWS',
    'core/inspect/search',
    'names, and says that there are more from one more on',
  ],
  'channels or connections of a worker that one search goes through': [
    'src/core/live/inspect/process-view.ts',
    'MAX_SEARCHED',
    'core/inspect/search',
    'channels or connections, and says that it is cut from one more on',
  ],
  'connections of a channel or of a user that the console lists, of each worker': [
    'src/core/live/inspect/questions.ts',
    'MAX_LISTED',
    'core/inspect/search',
    'connections of a channel or of a user on one process, and counts all',
  ],
  'members on one page of a roster in the console': [
    'src/core/live/inspect/stored-channel.ts',
    'MAX_MEMBERS',
    'core/inspect/answers',
    'a page of a roster has',
  ],
  'events of a history that the console lists': [
    'src/core/live/inspect/stored-channel.ts',
    'MAX_EVENTS',
    'core/inspect/answers',
    'events of a history',
  ],
  "characters of an event's data in the console": [
    'src/core/live/inspect/stored-channel.ts',
    'MAX_DATA_CHARS',
    'core/inspect/answers',
    'characters of the data of an event',
  ],
  'channels of a connection that the console lists': [
    'src/core/live/inspect/questions.ts',
    'MAX_NAMES',
    'core/inspect/connections',
    'channels of a connection, and counts all',
  ],
  'frames that are noted of a connection at which somebody looks': [
    'src/core/live/inspect/frame-log.ts',
    'MAX_FRAMES',
    'core/inspect/connections',
    'frames of a connection, and forgets the first of one more',
  ],
  'connections of a worker whose frames are noted': [
    'src/core/live/inspect/frame-log.ts',
    'MAX_WATCHED',
    'core/inspect/connections',
    'one more ends the one that was looked at longest ago',
  ],
  'seconds after the last look until frames are noted no more': [
    'src/core/live/inspect/frame-log.ts',
    'WATCH_MS',
    'core/inspect/connections',
    'nobody looking: a connection keeps no frames',
  ],
  'connections that have closed and that a worker remembers': [
    'src/core/live/inspect/closed-connections.ts',
    'MAX_CLOSED',
    'core/inspect/connections',
    'connections that have closed, and forgets the first of one more',
  ],
  'characters of a name that the console asks for': [
    'src/admin/fields.ts',
    'MAX_NAME_CHARS',
    'console/inspection',
    'refuses questions that are none',
  ],
  'bytes of an event of an operator': [
    'src/admin/routes/events.ts',
    'MAX_BODY_BYTES',
    'console/actions',
    'a request of more than 1 MiB is not read',
  ],
  'seconds of a command that the console runs': [
    'src/cli/workers/own-command.ts',
    'COMMAND_MS',
    'cli/own-command',
    'a command has 120 seconds',
  ],
  'bytes of the answer of such a command': [
    'src/cli/workers/own-command.ts',
    'MAX_ANSWER_BYTES',
    'cli/own-command',
    'an answer of up to 1 MiB is read',
  ],
  'questions at the auth gateway that are shown': [
    'src/auth/recent/recent.ts',
    'MAX_RECENT',
    'console/auth-decisions',
    'keeps 200 questions',
  ],
  'parts of such a question with names of their own': [
    'src/auth/recent/parts.ts',
    'MAX_PARTS',
    'console/auth-decisions',
    'keeps the names of 60 parts',
  ],
  'apps in the table of `wavehall watch`': [
    'src/cli/watch/figures.ts',
    'MAX_APPS',
    'cli/watch',
    'asks for the figures of 10 apps',
  ],
  'lines of the live feed in a second, on one worker; deliveries are counted apart': [
    'src/core/live/feed.ts',
    'MAX_LINES_PER_SECOND',
    'core/live',
    'lines a second, and says how many more there were',
  ],
  'bytes that wait for such a viewer': [
    'src/admin/live/stream.ts',
    'MAX_WAITING_BYTES',
    'cli/tail',
    'leaves lines out for a viewer that does not read',
  ],
  "characters of an event's data in the live feed, with `--payload`": [
    'src/core/live/feed.ts',
    'MAX_PAYLOAD_CHARS',
    'core/live',
    'shows the data of events only to a viewer who asks for it',
  ],
  'other nodes with counts of their own in the loss meter': [
    'src/stores/redis/health/loss/senders.ts',
    'MOST_NAMED',
    'cluster/loss/counting',
    '100 nodes have a name',
  ],
  'other nodes that the loss meter checks': [
    'src/stores/redis/health/loss/senders.ts',
    'MOST_CHECKED',
    'cluster/loss/counting',
    'the numbers of 1,000 nodes are checked',
  ],
  'bytes of cached events, without Redis': [
    'src/stores/memory/cached-events.ts',
    'MAX_CACHED_BYTES',
    'contracts/cached-events',
    'memory is bounded',
  ],
  'sends over HTTP through other nodes that a node remembers': [
    'src/transports/http-fallback/remote/holder.ts',
    'REMEMBERED_SENDS',
    'transports/fallback/remote',
    '10,000 sends are remembered',
  ],
  'requests over HTTP that one message between nodes names': [
    'src/transports/http-fallback/remote/beats.ts',
    'REQUESTS_PER_BEAT',
    'transports/fallback/remote',
    'a beat names 500 requests',
  ],
  'steps before the close of a client that run at once, while the server stops': [
    'src/core/drain/before-close.ts',
    'BEFORE_CLOSE_AT_ONCE',
    'core/drain',
    'steps run at once; the next one waits for one of them',
  ],
  'seconds that such a step may take': [
    'src/core/drain/before-close.ts',
    'BEFORE_CLOSE_MS',
    'core/drain',
    'a step that fails or hangs closes its connection all the same',
  ],
  'other nodes that are known to be behind': [
    'src/stores/redis/health/load/nodes-behind.ts',
    'MOST_NODES',
    'cluster/load/messages',
    '1000 at most',
  ],
  'seconds for close frames and answers after the drain': [
    'src/server/shutdown/shutdown.ts',
    'CLOSE_GRACE_MS',
    'transports/held-sockets',
    'a client that does not answer the last close frame',
  ],
  'sockets of the metrics port': [
    'src/config/listen.ts',
    'METRICS_SOCKETS',
    'cli/ports',
    'has as many sockets as it may',
  ],
  'seconds for the upstream to answer an upgrade': [
    'src/cutover/proxy/upstream-upgrade.ts',
    'ANSWER_TIMEOUT_MS',
    'cutover/proxy-limits',
    'an upgrade waits 5 seconds',
  ],
  'seconds for the upstream to answer a request': [
    'src/cutover/proxy/http-proxy.ts',
    'PROXY_TIMEOUT_MS',
    'cutover/proxy-limits',
    'another request waits 30 seconds',
  ],
  'new clients that wait until another of the app leaves': [
    'src/cutover/split/upstream-side.ts',
    'MOST_WAITING_FOR_QUOTA',
    'cutover/proxy-limits',
    '100 new clients wait',
  ],
  "sockets that show an app's members at the upstream": [
    'src/cutover/bridge/limits.ts',
    'connections',
    'cutover/bridge/hostile-upstream',
    'opens as many connections as are allowed, and no more',
  ],
  'members of a channel of the upstream': [
    'src/cutover/bridge/limits.ts',
    'members',
    'cutover/bridge/hostile-upstream',
    'shows the first ones and counts the rest',
  ],
};

const fixed = new Map(
  (/## Fixed limits([^]*?)\n## /.exec(readFileSync(`${ROOT}docs/limits.md`, 'utf8'))?.[1] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (fixed limit|-)/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map(([, limit = '', ...cells]) => [limit, cells] as const),
);

/** Reads a constant of the source, also in a form such as `4 * 1024` or `10_000`; milliseconds become seconds. */
function numberIn(file: string, name: string): number {
  const source = readFileSync(`${ROOT}${file}`, 'utf8');
  const written = new RegExp(`\\b${name}\\s*[=:]\\s*([\\d_* ]+)[,;]`).exec(source)?.[1] ?? '';
  const value = written.split('*').reduce((product, part) => product * Number(part.replaceAll('_', '')), 1);
  return name.endsWith('_MS') ? value / 1000 : value;
}

test('the fixed limits are those of this list, with every column', () => {
  expect([...fixed.keys()].sort()).toEqual(Object.keys(FIXED).sort());
  for (const cells of fixed.values()) expect(cells.slice(0, 4)).not.toContain('');
});

test.each(Object.entries(FIXED))('%s: has the value of the source, and a test', (limit, source) => {
  const [file, name, testFile, title] = source;
  expect(fixed.get(limit)?.[0]).toBe(`${numberIn(file, name)}`);
  const path = `${ROOT}test/${testFile}`;
  const tests = readFileSync(existsSync(`${path}.test.ts`) ? `${path}.test.ts` : `${path}.ts`, 'utf8');
  expect(tests.includes(title), `${testFile} has a test with the title ${title}`).toBe(true);
});

test('each fixed limit is counted by a reason or a metric', () => {
  const named = [...fixed.values()].flatMap((cells) => [...(cells[2] ?? '').matchAll(/`([a-z_]+)`/g)]);
  const unknown = named.filter(([, name = '']) => !(name in REASONS) && !name.startsWith('wavehall_'));
  expect(unknown).toEqual([]);
});

test('every reason of a refusal is explained', () => {
  const text = readFileSync(`${ROOT}docs/limits.md`, 'utf8');
  expect(Object.keys(REASONS).filter((reason) => !text.includes(`\`${reason}\``))).toEqual([]);
});
