/** docs/app-json.md against the settings of an app: each key has a row with its variable and default, and there are no other rows. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { APP_KEYS } from '../../src/apps/ignored.ts';
import { APP_LIMITS } from '../../src/apps/limits.ts';
import { APP_OPTIONS, RATE_LIMITING } from '../../src/apps/options.ts';
import type { Setting } from '../../src/settings/settings.ts';
import { ROOT } from './shell-blocks.ts';

const SETTINGS: readonly Setting<unknown>[] = [APP_OPTIONS, APP_LIMITS, RATE_LIMITING].flatMap(
  (table): Setting<unknown>[] => Object.values(table),
);

const withoutCode = (cell = ''): string => cell.trim().replaceAll('`', '');

/** Key, variable and default of each row whose first cell is a key. */
const rows = readFileSync(`${ROOT}docs/app-json.md`, 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').slice(1, 4).map(withoutCode));

test('every key of an app in JSON has exactly one row, and there are no other rows', () => {
  expect(rows.map(([key]) => key).sort()).toEqual([...APP_KEYS].sort());
});

test.each(SETTINGS.map((setting) => [setting.key ?? setting.name, setting] as const))(
  '%s has the variable and the default of the source',
  (key, { name, fallback }) => {
    expect(rows.find(([known]) => known === key)).toEqual([key, name, fallback === '' ? 'none' : fallback]);
  },
);
