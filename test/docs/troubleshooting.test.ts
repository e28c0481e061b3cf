/** docs/troubleshooting.md: every code of the protocol has a row, and quoted log lines and answers are those of the source. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { errors } from '../../protocol/errors.ts';
import { REASONS } from '../../src/core/refusals/reasons.ts';
import { exists } from './names.ts';
import { inlineCodeOf } from './page.ts';
import { ROOT } from './shell-blocks.ts';

const PAGE = 'docs/troubleshooting.md';
const page = readFileSync(ROOT + PAGE, 'utf8');

const WHAT_THE_CLIENT_DOES = {
  never: 'stays away',
  'after 1 s': 'comes back after 1 s',
  'at once': 'comes back at once',
  stays: 'stays connected',
} as const;

test('each code of the protocol has exactly one row, with its text and what the client does', () => {
  const rows = [...page.matchAll(/^\| (\d{4}) +\| `([^`]+)` +\| ([^|]+?) +\| (.+?) +\|$/gm)];
  const expected = Object.values(errors).map(
    ({ code, message, reconnects }) => `${code} ${message}: ${WHAT_THE_CLIENT_DOES[reconnects]}`,
  );
  expect(rows.map(([, code, text, client]) => `${code} ${text}: ${client}`).toSorted()).toEqual(
    expected.toSorted(),
  );
});

const quoted = inlineCodeOf(PAGE).filter(({ text }) =>
  /^(?:Clients|Requests|Subscriptions|Upgrade requests|Redis|Lost|Another|SIGHUP|No app) .{12,}/.test(text),
);

test.each(quoted.map(({ line, text }) => [line, text] as const))(
  'line %i quotes what the server logs: %s',
  (_, text) => {
    const isReason = Object.values(REASONS).some((reason) => reason.startsWith(text));
    expect(isReason || exists(PAGE, text, [])).toBe(true);
  },
);

test('the page quotes the log often', () => {
  expect(quoted.length).toBeGreaterThan(15);
});
