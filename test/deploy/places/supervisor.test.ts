/** Debian's supervisor with the program of examples/deploy: started, killed, drained. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { readConfig } from '../../../src/config/index.ts';
import { cleanEnvironment, temporaryFolder } from '../../cli/command.ts';
import { APP_VARIABLES } from '../../support/app.ts';
import { freePort } from '../../support/free-port.ts';
import { program, withPrograms } from '../../support/programs.ts';
import { deployFile, longestStopSeconds, withPaths, withReplaced } from './files.ts';
import { becomesReady, DRAIN_SECONDS, expectDrain, expectRestart } from './kept-alive.ts';

const run = promisify(execFile);
const TEST_MS = 90_000;
const printed = deployFile('supervisor/wavehall.conf');
const stopWaitSeconds = Number(/^stopwaitsecs=(\d+)$/m.exec(printed)?.[1]);

/** The printed program in a configuration of its own, with the folder of the test. */
const configuration = (folder: string): string => `[unix_http_server]
file=${folder}/supervisor.sock
[supervisord]
logfile=${folder}/supervisord.log
pidfile=${folder}/supervisord.pid
childlogdir=${folder}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://${folder}/supervisor.sock
${withReplaced(withPaths(printed), {
  'user=www-data': '; the user of the test',
  '/var/www/app': folder,
  '/var/log/supervisor': folder,
})}`;

async function startSupervisor(folder: string) {
  const port = await freePort();
  const app = Object.entries(APP_VARIABLES).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(folder, '.env'), `${app.join('')}WAVEHALL_DRAIN_SECONDS=${DRAIN_SECONDS}\n`);
  const file = join(folder, 'supervisord.conf');
  writeFileSync(file, configuration(folder));
  const env = cleanEnvironment({ REVERB_SERVER_PORT: `${port}` });
  const child = spawn(program('supervisord'), ['-n', '-c', file], { cwd: folder, env, stdio: 'ignore' });
  const exited = once(child, 'exit');
  const control = async (...args: string[]): Promise<string> =>
    (await run(program('supervisorctl'), ['-c', file, ...args], { timeout: 40_000 })).stdout;
  const log = join(folder, 'wavehall.log');
  return {
    port,
    pid: async () => Number(await control('pid', 'wavehall')),
    async stop() {
      await control('stop', 'wavehall');
    },
    output: () => (existsSync(log) ? readFileSync(log, 'utf8') : 'no log'),
    async close() {
      child.kill('SIGTERM');
      const killTimer = setTimeout(() => child.kill('SIGKILL'), 30_000);
      await exited;
      clearTimeout(killTimer);
    },
  };
}

withPrograms('supervisor', ['supervisord', 'supervisorctl'], () => {
  test(
    '2.13 starts the server, starts it again after SIGKILL, and lets it drain',
    async () => {
      const supervisor = await startSupervisor(temporaryFolder());
      try {
        await becomesReady(supervisor.port, supervisor.output);
        await expectRestart(supervisor);
        await expectDrain(supervisor, stopWaitSeconds * 1000);
        expect(supervisor.output()).toContain('"signal":"SIGTERM"');
      } finally {
        await supervisor.close();
      }
    },
    TEST_MS,
  );
});

test('2.13 supervisor waits for the drain, and then some', () => {
  expect(stopWaitSeconds).toBeGreaterThan(longestStopSeconds(readConfig({})) + 3);
  expect(printed).toMatch(/^stopsignal=TERM$/m);
  expect(printed).not.toMatch(/^command=.*\b(npm|npx)\b/m);
});
