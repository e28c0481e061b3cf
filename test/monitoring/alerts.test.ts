/** The alerts and configurations in examples/deploy, checked by Prometheus' and Alertmanager's own tools. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { temporaryFolder } from '../cli/command.ts';
import { type Alert, FILES, readAlerts, rewrite, ROOT } from './files.ts';
import { runTool, withPrograms } from './programs.ts';

vi.setConfig({ testTimeout: 120_000 });

const RULES = `${ROOT}test/monitoring/rules/`;
const PROMETHEUS = `${ROOT}examples/deploy/prometheus`;
const alerts = readAlerts();
const ruleTests = readdirSync(RULES).map((file) => ({ file, text: readFileSync(RULES + file, 'utf8') }));

withPrograms('the configurations', ['promtool', 'amtool'], () => {
  test.each(['prometheus.yml', 'compose.yml'])('promtool accepts %s', (file) => {
    const { code, output } = runTool('promtool', ['check', 'config', file], { cwd: PROMETHEUS });
    expect([code, output]).toEqual([0, expect.stringContaining(`${file} is valid`)]);
  });

  test('promtool accepts the commented scrape of the public port with a token', () => {
    const text = readFileSync(FILES.prometheus, 'utf8');
    const [before = '', job = ''] = text.split('scrape_configs:\n');
    const commented = job.split('\n').filter((line) => line.startsWith('  # '));
    const lines = commented.map((line) => line.replace('  # ', '  '));
    const from = lines.findIndex((line) => line.includes('- job_name'));
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'token'), 'a-token');
    writeFileSync(join(folder, 'alerts.yml'), readFileSync(FILES.alerts));
    const changed = rewrite([`${before}scrape_configs:`, ...lines.slice(from), ''].join('\n'), [
      ['/etc/prometheus/wavehall-token', join(folder, 'token')],
    ]);
    expect(changed).toContain('/admin/metrics');
    writeFileSync(join(folder, 'prometheus.yml'), changed);
    const { code, output } = runTool('promtool', ['check', 'config', 'prometheus.yml'], { cwd: folder });
    expect([code, output]).toEqual([0, expect.stringContaining('is valid')]);
  });

  test('promtool accepts every alert', () => {
    const { code, output } = runTool('promtool', ['check', 'rules', FILES.alerts]);
    expect([code, output]).toEqual([0, expect.stringContaining(`${alerts.length} rules found`)]);
  });

  test('amtool accepts alertmanager.yml', () => {
    const { code, output } = runTool('amtool', ['check-config', FILES.alertmanager]);
    expect([code, output]).toEqual([0, expect.stringContaining('1 receivers')]);
  });

  test.each([
    ['critical', 'operators'],
    ['warning', 'operators'],
  ])('amtool finds the receiver of an alert that is %s', (severity, receiver) => {
    const { code, output } = runTool('amtool', [
      'config',
      'routes',
      'test',
      `--config.file=${FILES.alertmanager}`,
      `severity=${severity}`,
    ]);
    expect([code, output.split('\n')[0]]).toEqual([0, receiver]);
  });
});

test('compose.yml has the settings of prometheus.yml, but for addresses', () => {
  const settings = (file: string) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !/^ *#|targets|_configs:$|^ {6}- names|^ {8}/.test(line));
  expect(settings(FILES.compose)).toEqual(settings(FILES.prometheus));
});

describe('each alert', () => {
  test('there are alerts of each kind that the page promises', () => {
    expect(alerts.length).toBeGreaterThanOrEqual(15);
    expect(new Set(alerts.map(({ name }) => name)).size).toBe(alerts.length);
  });

  test.each(alerts)(
    '$name has a severity, a summary, a description and a runbook',
    ({ name, severity, text }) => {
      expect(['critical', 'warning']).toContain(severity);
      expect(name).toMatch(/^Wavehall[A-Z]/);
      for (const part of ['summary', 'description'])
        expect(text).toMatch(new RegExp(`^ +${part}: .{20,}`, 'm'));
      expect(text).toContain(`runbook: docs/alerts.md#${name.toLowerCase()}\n`);
    },
  );

  test('docs/alerts.md explains each alert, with its severity, and no other', () => {
    const page = readFileSync(`${ROOT}docs/alerts.md`, 'utf8');
    const rows = [...page.matchAll(/^\| \[(\w+)\]\(#(\w+)\) *\| (\w+) /gm)];
    expect(rows.map(([, name, anchor, severity]) => [name, anchor, severity])).toEqual(
      alerts.map(({ name, severity }) => [name, name.toLowerCase(), severity]),
    );
    const sections = page.split('\n### ').slice(1);
    expect(sections.map((section) => section.split('\n')[0])).toEqual(alerts.map(({ name }) => name));
    for (const section of sections)
      expect(section).toMatch(/\*\*What it means\.\*\* .+\n\n\*\*What to do\.\*\*/);
  });
});

withPrograms('promtool test rules', ['promtool'], () => {
  test.each(ruleTests)('$file passes', ({ file }) => {
    const { code, output } = runTool('promtool', ['test', 'rules', RULES + file]);
    expect([code, output]).toEqual([0, expect.stringContaining('SUCCESS')]);
  });

  /** Runs the tests of an alert's group with that alert alone, changed; returns promtool's output. */
  const withChanged = ({ name, group, text }: Alert, change: readonly [from: RegExp, to: string]): string => {
    const folder = temporaryFolder();
    const file = 'tests.yml';
    const changed = text.replace(...change);
    expect(changed).not.toBe(text);
    const alone = `groups:\n  - name: ${group}\n    rules:\n      - alert: ${changed}\n`;
    writeFileSync(join(folder, 'alerts.yml'), alone.replace(/\n +#.*/g, ''));
    const tests = ruleTests.find((each) => each.text.includes(`alertname: ${name}\n`))?.text ?? '';
    writeFileSync(join(folder, file), rewrite(tests, [['../../../examples/deploy/prometheus/', '']]));
    const { code, output } = runTool('promtool', ['test', 'rules', file], { cwd: folder });
    expect(code, output).toBe(1);
    return output;
  };

  const failure = (alert: Alert, expected: string, got: string) =>
    new RegExp(`alertname: ${alert.name}, time: \\S+\\s+exp:\\[\\s*${expected}[^]*?got:\\[\\s*${got}`);

  test.each(alerts)('they fail if $name never fires', (alert) => {
    const output = withChanged(alert, [/expr: [^]*?\n(?= {8}(?:for|labels):)/, 'expr: vector(0) > 1\n']);
    expect(output).toMatch(failure(alert, '0:', '\\]'));
  });

  test.each(alerts)('they fail if $name never clears', (alert) => {
    const output = withChanged(alert, [/\n {8}labels:/, '\n        keep_firing_for: 1w$&']);
    expect(output).toMatch(failure(alert, '\\]', '0:'));
  });
});
