/** docker-compose.yml against the server and the Dockerfile. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config/index.ts';
import { entries, items, scalar, withDefaults } from './compose.ts';
import { composeConfig, findCompose } from './docker-compose.ts';
import { longestStopSeconds } from './places/files.ts';
import { argsOf, execForm, readStages, root, theOnly, type Stage } from './dockerfile.ts';

const SERVICE = ['services', 'wavehall'];
/** Time that the server waits for answers after the last close frame. */
const CLOSE_SECONDS = 3;

const nginxConfiguration = readFileSync(`${root}examples/deploy/nginx/compose.conf`, 'utf8');
const image = readStages().at(-1) as Stage;
const PASSED_ON = ['REVERB_APP_ID', 'REVERB_APP_KEY', 'REVERB_APP_SECRET'];
const APP = { REVERB_APP_ID: 'a', REVERB_APP_KEY: 'b', REVERB_APP_SECRET: 'c' };
const environment = Object.fromEntries(
  Object.entries(entries(...SERVICE, 'environment'))
    .filter(([name]) => !PASSED_ON.some((each) => each === name))
    .map(([name, value]) => [name, withDefaults(value)]),
);

describe('docker-compose.yml', () => {
  test('2.13 has a longer grace period than the drain of the server', () => {
    const gracePeriod = Number(/^(\d+)s$/.exec(scalar(...SERVICE, 'stop_grace_period'))?.[1]);
    const config = readConfig({ ...APP, ...environment });
    expect(config.drainSeconds).toBeGreaterThan(0);
    expect(gracePeriod).toBeGreaterThan(longestStopSeconds(config) + CLOSE_SECONDS);
  });

  test('2.5 passes every variable of .env to the server, except the addresses of the containers', () => {
    expect(items(...SERVICE, 'env_file')).toEqual(['path: .env required: false']);
    const example: readonly string[] =
      readFileSync(`${root}.env.example`, 'utf8').match(/(?<=^#)[A-Z_0-9]+(?==)/gm) ?? [];
    expect(example.length).toBeGreaterThan(100);
    const overridden = Object.keys(environment).filter((name) => example.includes(name));
    const ofContainers =
      /^(REVERB_SERVER_(HOST|PORT)|REVERB_SCALING_ENABLED|REDIS_(URL|HOST|PORT|USERNAME|PASSWORD|SCHEME|TLS)|WAVEHALL_(TRUSTED_PROXIES|DRAIN_REFUSAL))$/;
    expect(overridden.filter((name) => !ofContainers.test(name))).toEqual([]);
    const given = { ...APP, WAVEHALL_ALLOWED_ORIGINS: 'a.test', WAVEHALL_DRAIN_SECONDS: '3' };
    const config = readConfig({ ...given, ...environment });
    expect([config.apps[0]?.id, config.apps[0]?.allowedOrigins, config.drainSeconds]).toEqual([
      'a',
      ['a.test'],
      3,
    ]);
    for (const name of PASSED_ON) expect(scalar(...SERVICE, 'environment', name)).toBe('');
  });

  test('2.5 does not start without an app: the image has no development app', () => {
    expect(() => readConfig({ ...environment, NODE_ENV: 'production' })).toThrow('No app is configured');
    expect(argsOf(image, 'ENV')).toEqual(['NODE_ENV=production', 'REVERB_SERVER_HOST=0.0.0.0']);
  });

  test("2.1 publishes only nginx, on the server's port, which proxies to the address of the server", () => {
    expect(() => items(...SERVICE, 'ports')).toThrow();
    const [port = '', ...more] = items('services', 'nginx', 'ports');
    expect(more).toEqual([]);
    const nginxPort = /listen (\d+);/.exec(nginxConfiguration)?.[1];
    expect(withDefaults(port)).toBe(`${readConfig(APP).port}:${nginxPort}`);
    expect(nginxConfiguration).toContain(`set $nodes wavehall:${theOnly(image, 'EXPOSE')};`);
  });

  test('2.1 runs several nodes and one Redis service', () => {
    const { scaling, redisHost, redisPort } = readConfig({ ...APP, ...environment });
    expect([scaling, redisHost, redisPort]).toEqual([true, 'redis', 6379]);
    expect(scalar('services', redisHost, 'image')).toMatch(/^redis:/);
    expect(Number(withDefaults(scalar(...SERVICE, 'deploy', 'replicas')))).toBeGreaterThan(1);
  });

  test("2.10 gives nginx a longer timeout than the server's", () => {
    const readTimeout = Number(/proxy_read_timeout (\d+)s;/.exec(nginxConfiguration)?.[1]);
    for (const { activityTimeoutSeconds, pingIntervalSeconds } of readConfig(APP).apps)
      expect(readTimeout).toBeGreaterThan(Math.max(activityTimeoutSeconds, pingIntervalSeconds));
  });

  test("2.6 trusts nginx's headers about a client, and no other proxy", () => {
    expect(nginxConfiguration).toContain('proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;');
    expect(nginxConfiguration).toContain('proxy_set_header X-Forwarded-Proto $scheme;');
    expect(readConfig({ ...APP, ...environment }).trustedProxies).toEqual([
      '172.16.0.0/12',
      '192.168.0.0/16',
    ]);
  });

  test('8.11 checks health with the same command as the Dockerfile', () => {
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

  test('2.7 allows enough open files for the sockets of a node', () => {
    const { soft, hard } = entries(...SERVICE, 'ulimits', 'nofile');
    expect(Number(soft)).toBeGreaterThanOrEqual(100_000);
    expect(hard).toBe(soft);
  });

  const compose = findCompose();
  const title = '2.1 Docker Compose reads it without an error';
  if (compose === undefined && process.env.CI === undefined)
    test.skip(`${title} (skipped: neither Docker Compose nor Debian's package of it can be had)`, () =>
      undefined);
  else
    test(title, () => {
      const { services } = composeConfig(compose ?? [], 'docker-compose.yml');
      expect(Object.keys(services).toSorted()).toEqual(['nginx', 'redis', 'wavehall']);
    });
});
