/** docs/several-nodes.md: the rights of the Redis user are those that test/cluster tries on a real Redis. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { APP_LIMITS } from '../../src/apps/limits.ts';
import { SERVER_SETTINGS } from '../../src/config/server.ts';
import { ROOT } from './shell-blocks.ts';

const page = readFileSync(`${ROOT}docs/several-nodes.md`, 'utf8');
const source = readFileSync(`${ROOT}src/stores/redis/health/preflight.ts`, 'utf8').replaceAll(/^ \* ?/gm, '');

const words = (text: string | undefined): string[] => (text ?? '').trim().split(/\s+/);

test('the rights of the Redis user are those of the source', () => {
  const own = words(/^ACL SETUSER wavehall on >secret (.+)$/m.exec(page)?.[1]);
  const expected = words(/^ +user wavehall on >secret ((?:.+\n)+)/m.exec(source)?.[1]);
  expect(own).toEqual(expected);
  expect(own.length).toBeGreaterThan(40);
});

test('the further rights on a Cluster are those of the source', () => {
  const own = words(/On a Cluster, `([^`]+)`/.exec(page)?.[1]);
  expect(own).toEqual(
    words(/in place of subscribe, unsubscribe, publish: ((?:[^.]+\n?)+)\./.exec(source)?.[1]),
  );
});

test('the further rights with webhooks are those of the source', () => {
  const own = words(/^With \[webhooks\]\(webhooks\.md\) also `([^`]+)`/m.exec(page)?.[1]);
  expect(own).toEqual(words(/with webhooks also: ([^;]+);/.exec(source)?.[1]));
  expect(own).toContain('+xadd');
});

test('the figures of the page are the defaults of the source', () => {
  const named = (text: string) => expect(page).toContain(text);
  named(`\`WAVEHALL_LEASE_SECONDS\` (${SERVER_SETTINGS.leaseSeconds.fallback} s)`);
  named(`\`WAVEHALL_DRAIN_SECONDS\` (${SERVER_SETTINGS.drainSeconds.fallback} s)`);
  expect(APP_LIMITS.requestsPerSecond.name).toBe('WAVEHALL_MAX_REQUESTS_PER_SECOND');
  named('`WAVEHALL_MAX_REQUESTS_PER_SECOND`');
});
