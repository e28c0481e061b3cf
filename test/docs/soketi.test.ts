/** docs/coming-from-soketi.md: its tables of variables and of an app's keys are what the server reads. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readConfig } from '../../src/config/index.ts';
import { SOKETI_VARIABLES } from '../../src/config/soketi.ts';
import { codeIn } from './page.ts';
import { ROOT } from './shell-blocks.ts';

/** The names between backticks in each cell of each row. */
const rows = readFileSync(`${ROOT}docs/coming-from-soketi.md`, 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').slice(1, -1).map(codeIn));

const variables = rows
  .filter((cells) => cells.length === 3 && cells[0]?.[0]?.startsWith('SOKETI_') === true)
  .map(([soketi, here]) => [soketi?.[0] ?? '', here?.[0] ?? '']);

test('each variable that has a counterpart has exactly one row, with this counterpart', () => {
  expect(variables.toSorted()).toEqual(Object.entries(SOKETI_VARIABLES).toSorted());
  expect(variables.length).toBeGreaterThan(40);
});

const NAMES = { key: 'key', secret: 'secret' };
/** Value of soketi, and what it is here, for keys that are not taken over as they are. */
const VALUES: Readonly<Record<string, readonly [given: unknown, here: unknown]>> = {
  enabled: [false, false],
  enableClientMessages: [false, 'none'],
  maxPresenceMemberSizeInKb: [2, 2048],
  maxEventPayloadInKb: [2, 2048],
  enableUserAuthentication: [true, 30],
};
const keys = rows.flatMap(([camel = [], snake = [], here = []]) =>
  camel.length === 1 && snake.length === 1 && here.length > 0 && !(camel[0] ?? '').startsWith('SOKETI_')
    ? [[camel[0] ?? '', snake[0] ?? '', here[0] ?? ''] as const]
    : [],
);
const appWith = (app: object) =>
  readConfig({ WAVEHALL_APPS: JSON.stringify([{ ...NAMES, ...app }]) }).apps[0];

test.each(keys)('%s and %s have the effect of %s', (camel, snake, here) => {
  const [given, expected] = VALUES[camel] ?? [7, 7];
  const app = appWith({ app_id: 'a', [here]: expected });
  expect(app).not.toEqual(appWith({ app_id: 'a' }));
  expect(appWith({ id: 'a', [camel]: given })).toEqual(app);
  expect(appWith({ id: 'a', [snake]: given })).toEqual(app);
});

test('every key of an app is in the table', () => {
  expect(keys.length).toBe(12);
  const source = readFileSync(`${ROOT}src/apps/soketi.ts`, 'utf8');
  const [, map = ''] = /COUNTERPARTS[^{]+\{([^]+?)\n\};/.exec(source) ?? [];
  const read = [...map.matchAll(/^ {2}(max_\w+|enable_\w+):/gm)].map(([, name = '']) => name);
  const named = new Set(keys.map(([, snake]) => snake));
  expect(read.filter((name) => !named.has(name) && name !== 'max_client_events_per_second')).toEqual([]);
});
