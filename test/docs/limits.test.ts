/** docs/limits.md against the settings tables and the list of reasons: nothing is missing, nothing is out of date. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { APP_LIMITS } from '../../src/apps/limits.ts';
import { APP_OPTIONS, RATE_LIMITING } from '../../src/apps/options.ts';
import type { Setting } from '../../src/apps/settings.ts';
import { SERVER_SETTINGS } from '../../src/config/server.ts';
import { REASONS } from '../../src/core/refusals.ts';
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

/** Numbers that limit nothing that a client or publisher does. */
const NO_LIMIT =
  /_PORT$|^REDIS_DB$|^WAVEHALL_(WORKERS|TERMINATE_CLOSE_CODE|REDIS_PARTITIONS|CUTOVER_(?!QUEUE|UPSTREAM_MAX).*)$/;

const rows = readFileSync(`${ROOT}docs/limits.md`, 'utf8')
  .split('\n')
  .filter((line) => /^\| .*`(REVERB|WAVEHALL)_/.test(line))
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
  '%s has the default that the server has, and every column',
  (variable, row) => {
    const setting = SETTINGS.find(({ name }) => name === variable);
    expect(setting?.fallback).toBe(row.fallback);
    for (const cell of [row.limit, row.reverb, row.beyond, row.counted]) expect(cell).not.toBe('');
  },
);

test('what counts a limit is a reason of wavehall_refusals_total or a metric', () => {
  const reasons = new Set(Object.keys(REASONS));
  const named = rows.flatMap(({ counted }) =>
    [...counted.matchAll(/`([a-z_]+)`/g)].map(([, name = '']) => name),
  );
  expect(named.filter((name) => !reasons.has(name) && !name.startsWith('wavehall_'))).toEqual([]);
  expect(named.length).toBeGreaterThan(20);
});

test('every reason for which something is refused is explained', () => {
  const text = readFileSync(`${ROOT}docs/limits.md`, 'utf8');
  expect(Object.keys(REASONS).filter((reason) => !text.includes(`\`${reason}\``))).toEqual([]);
});
