/** A Laravel app that is set up rightly, in which the tests plant one fault at a time. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../cli/command.ts';
import { assemble } from '../laravel/app-folder.ts';
import { laravel8 } from '../laravel/packages.ts';
import { missingRequirements } from '../laravel/requirements.ts';
import { type DoctorOptions, type Finding, printReport, runDoctor } from '../../src/cli/doctor/index.ts';

/** Each test starts programs, on machines that are busy with others. */
const TEST_MS = 60_000;
const ROOT = new URL('../../', import.meta.url).pathname;

/** Texts that no output may contain. */
export const SECRETS = ['planted-secret-1', 'planted-secret-2', 'planted-password', 'planted-token'];

/** The file that Laravel installs for the broadcaster reverb. */
export const ECHO = `import Echo from 'laravel-echo';

import Pusher from 'pusher-js';
window.Pusher = Pusher;

window.Echo = new Echo({
    broadcaster: 'reverb',
    key: import.meta.env.VITE_REVERB_APP_KEY,
    wsHost: import.meta.env.VITE_REVERB_HOST,
    wsPort: import.meta.env.VITE_REVERB_PORT ?? 80,
    wssPort: import.meta.env.VITE_REVERB_PORT ?? 443,
    forceTLS: (import.meta.env.VITE_REVERB_SCHEME ?? 'https') === 'https',
    enabledTransports: ['ws', 'wss'],
});
`;

const VITE_CONFIG = `export default {
  publicDir: false,
  build: { outDir: 'public/build', manifest: 'manifest.json', rollupOptions: { input: 'resources/js/app.js' } },
};
`;

export type Variables = Readonly<Record<string, string | undefined>>;

/** Variables of a right set-up with a server on this port; `undefined` leaves one out. */
export const variablesFor = (port: number, changes: Variables = {}): Variables => ({
  APP_ENV: 'local',
  APP_KEY: 'base64:cGxhbnRlZC1wYXNzd29yZA==',
  APP_URL: 'http://127.0.0.1:8000',
  DB_PASSWORD: 'planted-password',
  WAVEHALL_ADMIN_TOKEN: 'planted-token',
  BROADCAST_CONNECTION: 'reverb',
  REVERB_APP_ID: 'app-id',
  REVERB_APP_KEY: 'app-key',
  REVERB_APP_SECRET: 'planted-secret-1',
  REVERB_HOST: '127.0.0.1',
  REVERB_PORT: String(port),
  REVERB_SCHEME: 'http',
  REVERB_SERVER_HOST: '127.0.0.1',
  REVERB_SERVER_PORT: String(port),
  VITE_REVERB_APP_KEY: '"${REVERB_APP_KEY}"',
  VITE_REVERB_HOST: '"${REVERB_HOST}"',
  VITE_REVERB_PORT: '"${REVERB_PORT}"',
  VITE_REVERB_SCHEME: '"${REVERB_SCHEME}"',
  ...changes,
});

export function writeEnv(file: string, variables: Variables): void {
  const lines = Object.entries(variables).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}\n`],
  );
  writeFileSync(file, lines.join(''));
}

/** Makes the app, and builds its assets with Vite if `isBuilt`. */
export async function prepareApp(port: number, isBuilt: boolean) {
  const folder = await assemble(laravel8);
  mkdirSync(join(folder, 'resources/js'), { recursive: true });
  writeFileSync(join(folder, 'resources/js/echo.js'), ECHO);
  writeFileSync(join(folder, 'resources/js/app.js'), "import './echo';\n");
  writeEnv(join(folder, '.env'), variablesFor(port));
  if (isBuilt) {
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'vite.config.mjs'), VITE_CONFIG);
    execFileSync(process.execPath, [join(ROOT, 'node_modules/vite/bin/vite.js'), 'build'], {
      cwd: folder,
      stdio: 'ignore',
    });
  }
  return { folder, port, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export type App = Awaited<ReturnType<typeof prepareApp>>;

export interface Plant {
  /** Changes of .env. */
  readonly env?: Variables;
  /** Files to write, by their paths in the app. */
  readonly files?: Readonly<Record<string, string>>;
  /** Variables of the server, when it reads another file. */
  readonly server?: Variables;
  readonly options?: Partial<DoctorOptions>;
}

/** Copies the app and plants a fault in it. */
export function plant({ folder, port }: App, { env = {}, files = {}, server }: Plant) {
  const copy = join(temporaryFolder(), 'app');
  cpSync(folder, copy, { recursive: true, verbatimSymlinks: true });
  writeEnv(join(copy, '.env'), variablesFor(port, env));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(copy, name), text);
  const envFile = server === undefined ? undefined : join(copy, '.env.server');
  if (envFile !== undefined && server !== undefined) writeEnv(envFile, variablesFor(port, server));
  return { copy, envFile };
}

/** Runs the doctor on the app with a fault, and checks that no secret is in what it prints. */
export async function examine(app: App, fault: Plant = {}): Promise<Examined> {
  const { copy, envFile } = plant(app, fault);
  return examineFolder(copy, { envFile, ...fault.options });
}

export interface Examined {
  /** Names of the problems. */
  readonly problems: readonly string[];
  readonly findings: readonly Finding[];
  readonly finding: (name: string) => Finding;
}

export async function examineFolder(
  laravel: string | undefined,
  options: Partial<DoctorOptions> = {},
): Promise<Examined> {
  const report = await runDoctor({
    laravel,
    timeoutMs: 3000,
    waitMs: 0,
    variables: {},
    openFiles: () => 20_000,
    ...options,
  });
  expectNoSecret(JSON.stringify(report) + printReport(report, { colour: false }));
  const { findings } = report;
  return {
    findings,
    problems: findings.filter(({ means }) => means !== undefined).map(({ name }) => name),
    finding: (name) => findings.find((each) => each.name === name)!,
  };
}

export function expectNoSecret(output: string): void {
  for (const secret of SECRETS) expect(output).not.toContain(secret);
}

/** Ends something after the test. */
export function ending<T extends { close(): unknown }>(started: T): T {
  onTestFinished(async () => {
    await started.close();
  });
  return started;
}

/** Runs tests that need PHP and Composer: without them they are skipped with a message, and fail in CI. */
export function withLaravel(title: string, tests: () => void): void {
  const missing = missingRequirements();
  if (missing === undefined) describe(title, { timeout: TEST_MS }, tests);
  else if (process.env.CI === undefined) test.skip(`${title} (skipped: ${missing})`);
  else
    test(title, () => {
      throw new Error(missing);
    });
}
