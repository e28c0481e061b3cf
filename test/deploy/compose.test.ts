/** docker-compose.yml against the server and the Dockerfile that it goes with. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { entries, items, scalar, withDefaults } from './compose.ts';
import { execForm, readStages, root, theOnly, type Stage } from './dockerfile.ts';

const SERVICE = ['services', 'wavehall'];
/** After the last goodbye the server waits this long for answers. */
const FAREWELL_SECONDS = 1;

const nginxConfiguration = readFileSync(`${root}examples/deploy/nginx/compose.conf`, 'utf8');
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
    const together = ['REVERB_SCALING_ENABLED', 'REDIS_HOST', 'WAVEHALL_TRUSTED_PROXIES'];
    const given = together.map((name) => [name, environment[name]]);
    expect(config).toEqual(readConfig(Object.fromEntries(given)));
    expect(config.apps).toHaveLength(1);
  });

  test('2.1 nginx alone is published, on the port of the server, and passes on to where the server listens', () => {
    expect(() => items(...SERVICE, 'ports')).toThrow();
    const [port = '', ...more] = items('services', 'nginx', 'ports');
    expect(more).toEqual([]);
    const listens = /listen (\d+);/.exec(nginxConfiguration)?.[1];
    expect(withDefaults(port)).toBe(`${readConfig({}).port}:${listens}`);
    expect(nginxConfiguration).toContain(`set $nodes wavehall:${theOnly(image, 'EXPOSE')};`);
  });

  test('2.1 several nodes share one Redis, which is a service of its own', () => {
    const { scaling, redisHost, redisPort } = readConfig(environment);
    expect([scaling, redisHost, redisPort]).toEqual([true, 'redis', 6379]);
    expect(scalar('services', redisHost, 'image')).toMatch(/^redis:/);
    expect(Number(withDefaults(scalar(...SERVICE, 'deploy', 'replicas')))).toBeGreaterThan(1);
  });

  test('2.10 nginx is more patient than the server', () => {
    const patience = Number(/proxy_read_timeout (\d+)s;/.exec(nginxConfiguration)?.[1]);
    for (const { activityTimeoutSeconds, pingIntervalSeconds } of readConfig({}).apps)
      expect(patience).toBeGreaterThan(Math.max(activityTimeoutSeconds, pingIntervalSeconds));
  });

  test('2.6 what nginx says of a client counts, and nobody else on the way is trusted', () => {
    expect(nginxConfiguration).toContain('proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;');
    expect(nginxConfiguration).toContain('proxy_set_header X-Forwarded-Proto $scheme;');
    expect(readConfig(environment).trustedProxies).toEqual(['172.16.0.0/12', '192.168.0.0/16']);
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
