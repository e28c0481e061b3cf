/** The compose file with monitoring, read by Docker Compose itself. */
import { existsSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type ComposeService, composeConfig, findCompose } from '../docker-compose.ts';
import { DEPLOY, deployFile } from './files.ts';

const FILE = `${DEPLOY}compose/docker-compose.yml`;
const PASSWORD = { GRAFANA_PASSWORD: 'password-of-the-test' };
const NAMES = ['alertmanager', 'grafana', 'nginx', 'prometheus', 'redis', 'wavehall'];

const compose = findCompose();
const reason = "neither Docker Compose nor Debian's package of it can be had";
if (compose === undefined && process.env.CI === undefined)
  test.skip(`the compose file with monitoring (skipped: ${reason})`, () => undefined);
else describe('the compose file with monitoring', tests);

function tests(): void {
  const services = (): Readonly<Record<string, ComposeService>> =>
    composeConfig(compose ?? [], FILE, PASSWORD).services;

  test('2.1 has Redis, nodes, nginx, Prometheus, Alertmanager and Grafana', () => {
    expect(Object.keys(services()).toSorted()).toEqual(NAMES);
  });

  test('needs a password for Grafana', () => {
    expect(() => composeConfig(compose ?? [], FILE, { GRAFANA_PASSWORD: '' })).toThrow('password of Grafana');
  });

  test('publishes monitoring on this machine only, and the nodes not at all', () => {
    const { wavehall, prometheus, alertmanager, grafana } = services();
    expect(wavehall?.ports).toBeUndefined();
    for (const service of [prometheus, alertmanager, grafana])
      expect(service?.ports?.map(({ host_ip }) => host_ip)).toEqual(['127.0.0.1']);
  });

  test('mounts files that exist', () => {
    const sources = Object.values(services())
      .flatMap(({ volumes = [] }) => volumes)
      .filter(({ type }) => type === 'bind')
      .map(({ source }) => source);
    expect(sources.length).toBeGreaterThan(5);
    expect(sources.filter((source) => !existsSync(source))).toEqual([]);
    for (const source of sources.filter((each) => /\.(yml|json|conf)$/.test(each)))
      expect(statSync(source).isFile(), source).toBe(true);
  });

  test('gives Prometheus the port that it reads', () => {
    const { environment } = services()['wavehall'] ?? {};
    const prometheus = parse(deployFile('prometheus/compose.yml')) as {
      scrape_configs: { dns_sd_configs: { names: string[]; port: number }[] }[];
    };
    const [target] = prometheus.scrape_configs[0]?.dns_sd_configs ?? [];
    expect(target?.names).toEqual(['wavehall']);
    expect(environment?.['WAVEHALL_METRICS_PORT']).toBe(`${target?.port}`);
    expect(environment?.['WAVEHALL_METRICS_HOST']).toBe('0.0.0.0');
  });
}
