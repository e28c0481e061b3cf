/** docker-compose.yml against the server and the Dockerfile that it goes with. */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { entries, items, scalar, withDefaults } from './compose.ts';
import { execForm, readStages, root, theOnly, type Stage } from './dockerfile.ts';

const SERVICE = ['services', 'wavehall'];
/** After the last goodbye the server waits this long for answers. */
const FAREWELL_SECONDS = 1;

const image = readStages().at(-1) as Stage;
const environment = Object.fromEntries(
  Object.entries(entries(...SERVICE, 'environment')).map(([name, value]) => [name, withDefaults(value)]),
);

describe('docker-compose.yml', () => {
  test('2.13 it waits longer than the server drains', () => {
    const patience = Number(/^(\d+)s$/.exec(scalar(...SERVICE, 'stop_grace_period'))?.[1]);
    const drain = readConfig(environment).drainSeconds;
    expect(drain).toBeGreaterThan(0);
    expect(patience).toBeGreaterThan(drain + FAREWELL_SECONDS);
  });

  test('2.5 without any configuration the server takes what it hands over, and means its app for development', () => {
    expect(Object.keys(environment)).toEqual(
      expect.arrayContaining(['REVERB_APP_ID', 'REVERB_APP_KEY', 'REVERB_APP_SECRET']),
    );
    const config = readConfig(environment);
    expect(config).toEqual(readConfig({}));
    expect(config.apps).toHaveLength(1);
  });

  test('2.1 it publishes the port on which the server listens', () => {
    const [port = '', ...more] = items(...SERVICE, 'ports');
    expect(more).toEqual([]);
    expect(withDefaults(port)).toBe(`${readConfig({}).port}:${theOnly(image, 'EXPOSE')}`);
  });

  test('8.11 it asks for health with the very command of the Dockerfile', () => {
    expect(items(...SERVICE, 'healthcheck', 'test')).toEqual([
      'CMD',
      ...execForm(theOnly(image, 'HEALTHCHECK')),
    ]);
    for (const option of ['interval', 'timeout', 'retries']) {
      expect(theOnly(image, 'HEALTHCHECK')).toContain(
        `--${option}=${scalar(...SERVICE, 'healthcheck', option)} `,
      );
    }
  });

  test('2.7 it allows as many open files as a node may want sockets', () => {
    const { soft, hard } = entries(...SERVICE, 'ulimits', 'nofile');
    expect(Number(soft)).toBeGreaterThanOrEqual(100_000);
    expect(hard).toBe(soft);
  });

  const available = spawnSync('docker', ['compose', 'version']).status === 0;
  const title = '2.1 Docker Compose reads it without a complaint';
  test.skipIf(!available)(available ? title : `${title} (skipped: docker compose is not here)`, () => {
    const { status, stderr } = spawnSync('docker', ['compose', 'config', '--quiet'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
  });
});
