/** The load file for Artillery: run by Artillery itself where it is in npx's cache, and its functions with a plain WebSocket everywhere. */
import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { temporaryFolder } from '../cli/command.ts';
import { APP, APP_VARIABLES } from '../support/app.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { eventually } from '../support/wire.ts';

const FOLDER = new URL('../../examples/deploy/artillery/', import.meta.url).pathname;
const ARTILLERY = ['-y', '-p', 'node@24', '-p', 'artillery@2.0.34', '--', 'artillery'];
/** Artillery has 950 MB: it is not downloaded for this test, except in CI. */
const OFFLINE = process.env.CI === undefined ? ['--offline'] : [];
const HAS_ARTILLERY =
  OFFLINE.length === 0 ||
  spawnSync('npx', [...OFFLINE, ...ARTILLERY, 'version'], { stdio: 'ignore', timeout: 60_000 }).status === 0;

interface Context {
  readonly vars: Record<string, string>;
  readonly ws?: WebSocket;
}
interface Events {
  emit(kind: string, name: string, value: number): void;
}
interface Processor {
  readonly prepareConnection: (
    wsArgs: { target?: string; options?: object },
    context: Context,
    done: () => void,
  ) => void;
  readonly waitForGreeting: (context: Context, events: Events) => Promise<void>;
  readonly publishNotification: (context: Context, events: Events) => Promise<void>;
}

let server: TestServer;
let env: Record<string, string>;
beforeAll(async () => {
  server = await startServer(APP_VARIABLES);
  env = {
    TARGET_URL: `http://127.0.0.1:${server.port}`,
    REVERB_APP_ID: APP.id,
    REVERB_APP_KEY: APP.key,
    REVERB_APP_SECRET: APP.secret,
  };
  Object.assign(process.env, env);
});
afterAll(() => server.close());

const processor = (): Processor => createRequire(import.meta.url)(join(FOLDER, 'processor.cjs')) as Processor;

test('each function of load.yml is in the processor, and pauses are in milliseconds', () => {
  const text = readFileSync(join(FOLDER, 'load.yml'), 'utf8');
  const names = [...text.matchAll(/function: '(\w+)'/g)].map(([, name = '']) => name);
  expect(new Set(names)).toEqual(new Set(['prepareConnection', 'waitForGreeting', 'publishNotification']));
  for (const name of names) expect(processor()).toHaveProperty(name);
  for (const [, pause = ''] of text.matchAll(/think: '([^']+)'/g)) expect(pause).toMatch(/^\d+ms$/);
});

test('7.2 its functions connect, subscribe to all kinds of channels and receive a notification', async () => {
  const counts = new Map<string, number>();
  const events = {
    emit: (_: string, name: string, value: number) => counts.set(name, (counts.get(name) ?? 0) + value),
  };
  const { prepareConnection, waitForGreeting, publishNotification } = processor();
  const vars: Record<string, string> = {};
  const wsArgs: { target?: string; options?: object } = {};
  prepareConnection(wsArgs, { vars }, () => undefined);
  const ws = new WebSocket(wsArgs.target ?? '', wsArgs.options);
  await once(ws, 'open');
  try {
    await waitForGreeting({ vars, ws }, events);
    for (const name of ['subscribePublic', 'subscribePrivate', 'subscribePresence'])
      ws.send(vars[name] ?? '');
    await eventually(() => counts.get('wavehall.subscribed') === 3, 'three subscriptions');
    await publishNotification({ vars }, events);
    await eventually(() => counts.get('wavehall.notifications') === 1, 'the notification');
  } finally {
    ws.terminate();
  }
  expect(counts.get('wavehall.publish.200')).toBe(1);
  expect(counts.get('wavehall.errors')).toBeUndefined();
});

test.runIf(HAS_ARTILLERY)(
  '7.2 Artillery runs the file: no user fails, and notifications arrive',
  async () => {
    const report = join(temporaryFolder(), 'report.json');
    const args = ['run', '--quiet', '--environment', 'short', '--output', report, join(FOLDER, 'load.yml')];
    const output = await npx([...OFFLINE, ...ARTILLERY, ...args]);
    const { counters } = (
      JSON.parse(readFileSync(report, 'utf8')) as { aggregate: { counters: Record<string, number> } }
    ).aggregate;
    expect(counters, output).toMatchObject({ 'vusers.failed': 0 });
    expect(counters['wavehall.errors']).toBeUndefined();
    const users = counters['vusers.created_by_name.user'] ?? 0;
    expect(users).toBeGreaterThan(0);
    expect(counters['wavehall.subscribed']).toBe(3 * users);
    expect(counters['wavehall.pongs']).toBeGreaterThanOrEqual(4 * users);
  },
  600_000,
);

function npx(args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, timeout: 590_000 };
    execFile('npx', args, options, (_, stdout, stderr) => resolve(stdout + stderr));
  });
}
