import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { expect, test } from 'vitest';
import { APP_LIMITS } from '../../src/apps/limits.ts';
import { APP_OPTIONS, RATE_LIMITING } from '../../src/apps/options.ts';
import { ENDPOINT_SETTINGS } from '../../src/apps/webhooks/settings.ts';
import { readConfig, SERVER_SETTINGS } from '../../src/config/index.ts';
import { RENAMED_SETTINGS } from '../../src/config/renamed.ts';

const EXAMPLE = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8');
const LINES = EXAMPLE.split('\n');
const ASSIGNMENT = /^#([A-Z_0-9]+)=/;
const listed = LINES.flatMap((line) => ASSIGNMENT.exec(line)?.[1] ?? []);
const uncommented = parseEnv(LINES.map((line) => (ASSIGNMENT.test(line) ? line.slice(1) : '')).join('\n'));

const settings = [SERVER_SETTINGS, APP_OPTIONS, APP_LIMITS, RATE_LIMITING, ENDPOINT_SETTINGS].flatMap(
  (group) => Object.values(group),
);
/** Variables that are read and are not settings: they tell whether this is production, or are refused as former names. */
const NOT_SETTINGS = ['NODE_ENV', 'APP_ENV', ...Object.keys(RENAMED_SETTINGS)];
const CREDENTIALS = [
  ...['REVERB', 'PUSHER'].flatMap((who) => [`${who}_APP_ID`, `${who}_APP_KEY`, `${who}_APP_SECRET`]),
  'WAVEHALL_APP_CREDENTIALS',
];

/** Origin of a setting's name, as its comment states it. Laravel's Reverb has no webhooks, so their names are those of Hypervel's. */
const originOf = (name: string): string =>
  name.startsWith('REVERB_WEBHOOK_')
    ? "[Hypervel's name]"
    : name.startsWith('REVERB_')
      ? "[Reverb's own name]"
      : '[ours';

/** Comment above the assignment of a variable. */
const commentOf = (name: string): string =>
  LINES[LINES.findIndex((line) => line.startsWith(`#${name}=`)) - 1] ?? '';

/** Every variable that reading the configuration looks at. */
function namesRead(): Set<string> {
  const read = new Set<string>();
  const watching = (values: Record<string, string>) =>
    new Proxy(values, {
      get(target, name: string) {
        read.add(name);
        return target[name];
      },
    });
  readConfig(watching({}));
  readConfig(watching({ REVERB_SCALING_ENABLED: 'true' }));
  readConfig(watching({ REVERB_APP_ID: 'a', REVERB_APP_KEY: 'b', REVERB_APP_SECRET: 'c' }));
  return read;
}

test('2.1 .env.example assigns nothing: a copy of it changes nothing', () => {
  expect(parseEnv(EXAMPLE)).toEqual({});
});

test('2.1 .env.example lists each setting exactly once', () => {
  const expected = [...settings.map(({ name }) => name), ...CREDENTIALS];
  expect([...listed].sort()).toEqual([...expected].sort());
});

test('2.1 .env.example lists what the server reads and nothing else', () => {
  const read = [...namesRead()].filter((name) => !NOT_SETTINGS.includes(name));
  expect([...listed].sort()).toEqual(read.sort());
});

test('2.1 .env.example gives each default', () => {
  for (const { name, fallback } of settings) expect([name, uncommented[name]]).toEqual([name, fallback]);
  for (const name of CREDENTIALS) expect([name, uncommented[name]]).toEqual([name, '']);
  const app = { REVERB_APP_ID: 'a', REVERB_APP_KEY: 'b', REVERB_APP_SECRET: 'c' };
  expect(readConfig({ ...uncommented, ...app })).toEqual(readConfig(app));
});

test('2.1 .env.example explains each setting in plain words and states whether Reverb has it', () => {
  for (const { name, doc } of settings) {
    expect(commentOf(name)).toContain(`# ${doc} ${originOf(name)}`);
  }
  for (const name of CREDENTIALS) expect(commentOf(name)).toMatch(/^# .+ \[.+\]$/);
});
