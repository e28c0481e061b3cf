/** Runs examples/cutover-from-reverb by its README, with the stand-in in place of an app's Reverb. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { CHROMIUM, withChromium } from '../support/browser.ts';

const run = promisify(execFile);
const STAND_IN = fileURLToPath(new URL('../support/reverb-stand-in/main.ts', import.meta.url));
const EXAMPLE = 'examples/cutover-from-reverb/walk.js';
const TEST_MS = 120_000;

const walk = (env: Record<string, string>, ...args: string[]) =>
  run(process.execPath, [EXAMPLE, ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, CHROMIUM_PATH: CHROMIUM, ...env },
  }).then(
    (output) => ({ code: 0, ...output }),
    (error: unknown) => error as { code: number; stdout: string; stderr: string },
  );

withChromium('11.18 the example', () => {
  test(
    '11.18 moves Chromium windows from 0 to 100 percent and back without a lost event',
    { timeout: TEST_MS },
    async () => {
      const { code, stdout, stderr } = await walk({
        PORT: '0',
        SECONDS: '0.5',
        BROWSERS: '4',
        STEPS: '50,100,0',
        REVERB_COMMAND: `${process.execPath} --conditions=source --import tsx ${STAND_IN}`,
      });
      expect(stderr).toBe('');
      expect(stdout).toContain('100 %   4 windows on Wavehall, 0 on Reverb');
      expect(stdout).toContain('  0 %   0 windows on Wavehall, 4 on Reverb');
      expect(stdout).toMatch(/No event lost or doubled: \d{2,} events/);
      expect(code).toBe(0);
    },
  );
});

test('11.17 the example names the missing argument', async () => {
  expect(await walk({ PORT: '0' })).toMatchObject({
    code: 1,
    stderr: 'The path of the app is missing: node walk.js /path/to/your/laravel/app\n',
  });
  const { code, stderr } = await walk({ PORT: '0' }, '/nowhere');
  expect({ code, stderr }).toMatchObject({ code: 1 });
  expect(stderr).toContain('/nowhere/.env');
});
