/** pm2 with the file of examples/deploy: started, killed, drained. It is fetched by npx and never a dependency. */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { readConfig } from '../../../src/config/index.ts';
import { cleanEnvironment, temporaryFolder } from '../../cli/command.ts';
import { APP_VARIABLES } from '../../support/app.ts';
import { freePort } from '../../support/free-port.ts';
import { DEPLOY, deployFile, longestStopSeconds, withPaths, withReplaced } from './files.ts';
import { becomesReady, DRAIN_SECONDS, expectDrain, expectRestart } from './kept-alive.ts';

const run = promisify(execFile);
const PM2 = 'pm2@7.0.4';
const TEST_MS = 180_000;

interface Listed {
  readonly name: string;
  readonly pid: number;
}
interface Ecosystem {
  readonly apps: readonly { readonly exec_mode: string; readonly kill_timeout: number }[];
}
const [printed] = (createRequire(import.meta.url)(`${DEPLOY}pm2/ecosystem.config.cjs`) as Ecosystem).apps;
const killTimeoutMs = printed?.kill_timeout ?? 0;

async function startPm2(folder: string) {
  const port = await freePort();
  const home = join(folder, 'pm2');
  mkdirSync(home);
  const app = Object.entries(APP_VARIABLES).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(folder, '.env'), `${app.join('')}WAVEHALL_DRAIN_SECONDS=${DRAIN_SECONDS}\n`);
  const file = join(folder, 'ecosystem.config.cjs');
  writeFileSync(
    file,
    withReplaced(withPaths(deployFile('pm2/ecosystem.config.cjs')), { '/var/www/app': folder }),
  );
  const env = cleanEnvironment({ PM2_HOME: home, REVERB_SERVER_PORT: `${port}`, PM2_DISCRETE_MODE: 'true' });
  let said = '';
  const pm2 = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await run('npx', ['--yes', PM2, ...args], {
      cwd: folder,
      env,
      timeout: 120_000,
      maxBuffer: 1 << 24,
    });
    said = (said + stdout + stderr).slice(-4000);
    return stdout;
  };
  return {
    port,
    start: () => pm2('start', file),
    async pid() {
      const text = await pm2('jlist');
      const all = JSON.parse(text.slice(text.indexOf('[{'))) as Listed[];
      return all.find(({ name }) => name === 'wavehall')?.pid ?? 0;
    },
    async stop() {
      await pm2('stop', 'wavehall');
    },
    output: () => said,
    close: () => pm2('kill'),
  };
}

test(
  '2.13 pm2 starts the server, starts it again after SIGKILL, and lets it drain',
  async () => {
    const pm2 = await startPm2(temporaryFolder());
    try {
      await pm2.start();
      await becomesReady(pm2.port, pm2.output);
      await expectRestart(pm2);
      await expectDrain(pm2, killTimeoutMs);
    } finally {
      await pm2.close();
    }
  },
  TEST_MS,
);

test('2.13 pm2 waits for the drain, and then some, and does not share the port itself', () => {
  expect(killTimeoutMs / 1000).toBeGreaterThan(longestStopSeconds(readConfig({})) + 3);
  expect(printed?.exec_mode).toBe('fork');
});
