/** The systemd unit, read by systemd itself. */
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readConfig } from '../../../src/config/index.ts';
import { temporaryFolder } from '../../cli/command.ts';
import { program, withPrograms } from '../../support/programs.ts';
import { deployFile, longestStopSeconds, withPaths } from './files.ts';

/** Highest exposure, of 10, that `systemd-analyze security` may find. */
const MAX_EXPOSURE = 2;
const unit = deployFile('systemd/wavehall.service');
const valueOf = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? '';

/** Writes the unit with the paths of this machine. */
function unitFile(text = unit): string {
  const file = join(temporaryFolder(), 'wavehall.service');
  writeFileSync(file, withPaths(text));
  return file;
}

const verify = (file: string) => {
  const { status, stderr } = spawnSync(program('systemd-analyze'), ['verify', '--man=no', file], {
    encoding: 'utf8',
  });
  // Units of this machine are not our concern.
  return { status, problems: stderr.split('\n').filter((line) => line.includes('wavehall.service')) };
};

withPrograms('the systemd unit', ['systemd-analyze'], () => {
  test('2.1 is accepted by systemd', () => {
    expect(verify(unitFile())).toEqual({ status: 0, problems: [] });
  });

  test('2.1 a value that systemd does not understand is found', () => {
    const wrong = unit.replace('TimeoutStopSec=30', 'TimeoutStopSec=soon');
    expect(verify(unitFile(wrong)).problems.join()).toContain('soon');
  });

  test('2.1 may do little on the machine', () => {
    const output = execFileSync(
      program('systemd-analyze'),
      ['security', '--offline=true', '--no-pager', unitFile()],
      { encoding: 'utf8' },
    );
    const exposure = Number(/exposure level for wavehall\.service: ([\d.]+)/.exec(output)?.[1]);
    expect(exposure).toBeLessThan(MAX_EXPOSURE);
  });
});

/** Variables of the sample of the EnvironmentFile. */
const sample = Object.fromEntries(
  deployFile('systemd/wavehall.env')
    .split('\n')
    .filter((line) => /^[A-Z]/.test(line))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
);

test('2.5 the sample of its variables is a valid configuration for one proxy on the same machine', () => {
  const config = readConfig(sample);
  expect([config.host, config.port]).toEqual(['127.0.0.1', 8080]);
  expect(config.trustedProxies).toEqual(['127.0.0.1', '::1']);
  expect(sample['NODE_ENV']).toBe('production');
});

test('2.13 waits for the drain, and then some', () => {
  const behindProxy = { ...sample, WAVEHALL_DRAIN_DELAY_SECONDS: '5' };
  for (const variables of [sample, behindProxy])
    expect(Number(valueOf('TimeoutStopSec'))).toBeGreaterThan(longestStopSeconds(readConfig(variables)) + 3);
  expect(valueOf('KillSignal')).toBe('SIGTERM');
  expect(valueOf('Restart')).toBe('always');
  expect(Number(valueOf('LimitNOFILE'))).toBeGreaterThanOrEqual(100_000);
});

test('the unit has no secret, and says who may read its variables', () => {
  expect(unit).not.toMatch(/^Environment=/m);
  expect(valueOf('EnvironmentFile')).toBe('/etc/wavehall/wavehall.env');
  expect(unit).toContain('mode 0640');
});
