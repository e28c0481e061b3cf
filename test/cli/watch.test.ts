/** `wavehall watch`: a table and the live feed in one screen. */
import { spawn, spawnSync } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Figures, FiguresReader, MAX_APPS } from '../../src/cli/watch/figures.ts';
import { MAX_LINES, Screen } from '../../src/cli/watch/screen.ts';
import { figureLines, summaryLine } from '../../src/cli/watch/table.ts';
import { cut } from '../../src/cli/watch/terminal.ts';
import { appAt } from '../support/app.ts';
import type { TestServer } from '../support/server.ts';
import { publisher } from '../support/wire-http.ts';
import { eventually } from '../support/wire.ts';
import { cleanEnvironment, MAIN } from './command.ts';
import { LONG_MS, openClient, operate, operated, shellOf, startOperated } from './operated-server.ts';

vi.setConfig({ testTimeout: 4 * LONG_MS });
const HAS_TERMINAL =
  spawnSync('/usr/bin/script', ['-qec', 'true', '/dev/null'], { stdio: 'ignore' }).status === 0;

const ENTER = '\u001B[?1049h';
const LEAVE = '\u001B[?7h\u001B[?25h\u001B[?1049l';
/** Each drawing begins at the top. */
const HOME = '\u001B[H';

/** Runs `wavehall watch` until the test ends; in a terminal of its own if `size` is given. */
function startWatch(server: TestServer, args: readonly string[] = [], size?: string) {
  const words = [process.execPath, MAIN, 'watch', ...args];
  const inTerminal = `${size ?? ''}; echo pid $$; exec ${words.map((word) => `'${word}'`).join(' ')}`;
  const [command = '', ...rest] =
    size === undefined ? words : ['/usr/bin/script', '-qec', inTerminal, '/dev/null'];
  const child = spawn(command, rest, { env: { ...cleanEnvironment(shellOf(server)), SHELL: '/bin/sh' } });
  onTestFinished(() => void child.kill());
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => child.on('close', resolve));
  const drawn = (): string => output.split(HOME).at(-1) ?? '';
  const shows = (text: RegExp, of = drawn): Promise<void> =>
    eventually(
      () => text.test(of()),
      () => `${String(text)} in ${of()}${errors}`,
      LONG_MS,
    );
  const pid = (): number => Number(/pid (\d+)/.exec(output)?.[1]);
  return {
    ...{ exited, drawn, shows, pid },
    press: (keys: string) => void child.stdin.write(keys),
    output: () => output,
    errors: () => errors,
  };
}

const SMALL = 'stty rows 20 cols 100';
const event = (name: string, data = '{}') => ({ name, channel: 'orders', data });

/** Publishes a few times a second until it is there. Resolves with how often it did. */
async function publishUntil(server: TestServer, body: object, isThere: () => boolean): Promise<number> {
  const app = publisher(appAt(server));
  let published = 0;
  let publishedMs = 0;
  await eventually(
    async () => {
      if (performance.now() - publishedMs > 400) {
        publishedMs = performance.now();
        published += 1;
        await app.post('/events', body);
      }
      return isThere();
    },
    'the event',
    LONG_MS,
  );
  return published;
}

describe.runIf(HAS_TERMINAL)('wavehall watch in a terminal', () => {
  test('17.10 draws the figures and the lines in place, pauses, clears, and leaves the terminal as it was', async () => {
    const server = await startOperated(operated());
    await openClient(server);
    const watch = startWatch(server, [], SMALL);
    await watch.shows(/ready[^]*app +connections +messages\/s[^]*all +1 [^]*-- live/);
    expect(watch.drawn().split('\n')).toHaveLength(20);
    const seen = (): number => watch.drawn().match(/published.*orders {3}shipped/g)?.length ?? 0;
    const shipped = await publishUntil(server, event('shipped'), () => seen() > 0);
    await eventually(() => seen() >= Math.min(shipped, 10), 'all of them', LONG_MS);
    watch.press('p');
    await watch.shows(/-- paused: 0 lines passed/);
    await publisher(appAt(server)).post('/events', event('unseen'));
    await watch.shows(/-- paused: 1 line passed/);
    expect(watch.drawn()).toContain('shipped');
    watch.press('c');
    await eventually(() => !watch.drawn().includes('shipped'), 'no line', LONG_MS);
    watch.press('p');
    await publishUntil(server, event('again'), () => /published.*again/.test(watch.drawn()));
    expect(watch.output()).not.toContain('unseen');
    watch.press('q');
    expect(await watch.exited).toBe(0);
    expect(watch.output().split(ENTER)).toHaveLength(2);
    expect(watch.output().trimEnd().endsWith(LEAVE)).toBe(true);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '17.10 leaves the terminal as it was on %s',
    async (signal) => {
      const server = await startOperated(operated());
      const watch = startWatch(server, [], SMALL);
      await watch.shows(/-- live/);
      process.kill(watch.pid(), signal);
      expect(await watch.exited).toBe(0);
      expect(watch.output().trimEnd().endsWith(LEAVE)).toBe(true);
    },
  );

  test('17.10 Ctrl-C ends it, and names of clients cannot control the terminal', async () => {
    const server = await startOperated(operated());
    const watch = startWatch(server, ['--payload'], SMALL);
    await watch.shows(/-- live/);
    const hostile = event('x', 'clear\u001b[2J\u009b2J\u0007\u202edne');
    await publishUntil(server, hostile, () => /clear \[2J 2J {2}dne/.test(watch.drawn()));
    watch.press('\u0003');
    expect(await watch.exited).toBe(0);
    expect(watch.output()).not.toMatch(/\u001b\[2J|\u009b|\u0007|\u202e/);
  });

  test('17.10 says that the server is away, and goes on when it is there again', async () => {
    const server = await startOperated(operated());
    const watch = startWatch(server, [], SMALL);
    await watch.shows(/-- live/);
    server.kill('SIGKILL');
    await server.exited;
    await watch.shows(/The server does not answer since \d\d:\d\d:\d\d\. Trying again…/);
    const again = await startOperated({ ...operated(), REVERB_SERVER_PORT: String(server.port) });
    await watch.shows(/the server answers again/);
    expect(watch.drawn()).not.toContain('does not answer since');
    await publishUntil(again, event('after'), () => /published.*after/.test(watch.drawn()));
    watch.press('q');
    expect(await watch.exited).toBe(0);
  });
});

describe('wavehall watch without a terminal', () => {
  test('17.10 prints plain lines and figures, with the filters of tail, for --seconds', async () => {
    const server = await startOperated(operated());
    const watch = startWatch(server, ['--channel', 'ord*', '--seconds', '8']);
    await watch.shows(/^\d\d:\d\d:\d\d {2}figures +0 connections/m, watch.output);
    await publishUntil(server, event('x'), () =>
      /^\S+ {2}published +app-id {3}orders {3}x /m.test(watch.output()),
    );
    expect(await watch.exited).toBe(0);
    expect(watch.output()).not.toMatch(/\u001B/);
  });

  test('17.10 goes on when the process is replaced, and prints JSON on request', async () => {
    const server = await startOperated(operated());
    const watch = startWatch(server, ['--json']);
    await publishUntil(server, event('before'), () => watch.output().includes('"event":"before"'));
    expect((await operate(server, ['restart'])).code).toBe(0);
    await publishUntil(server, event('after'), () => watch.output().includes('"event":"after"'));
    expect(watch.errors()).toContain('the stream ended, it is opened again');
    const lines = watch.output().trim().split('\n').slice(0, -1);
    expect(lines.map((line) => (JSON.parse(line) as { type: string }).type)).toContain('figures');
  });

  test('17.10 a wrong token is one sentence, and exit code 1', async () => {
    const server = await startOperated(operated());
    const { code, stdout, stderr } = await operate(server, ['watch', '--token', 'wrong']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^wavehall: .* refuses this token: --token, or WAVEHALL_ADMIN_TOKEN\n$/);
  });

  test('17.10 --seconds is a number above 0', async () => {
    const server = await startOperated(operated());
    expect((await operate(server, ['watch', '--seconds', '0'])).stderr).toContain(
      'expected a number above 0',
    );
  });
});

const WORKER = {
  ...{ version: '1', host: 'web-1', pid: 7, uptimeSeconds: 90_061, ready: true, warnings: [] },
  ...{ connections: 3, memoryBytes: 2 ** 27 },
};
const TRAFFIC = { app: 'shop', connections: 3, messages: 1.5, deliveries: 150, errors: 0 };
const FIGURES: Figures = {
  workers: [WORKER, { ...WORKER, pid: 8, ready: false, warnings: ['Redis\u001b[31m is full'] }],
  workersWanted: 2,
  traffic: { ...TRAFFIC, app: '', p50Ms: 1, p99Ms: undefined, loopDelayMs: 3, untilMs: 1 },
  apps: [TRAFFIC, { ...TRAFFIC, app: 'evil\u001b[2J' }],
  moreApps: 2,
};

describe('the figures of wavehall watch', () => {
  /** A server whose history has so many apps, and one step of 10 s; the second answer has another step. */
  async function reading(appCount: number, app?: string) {
    const asked: string[] = [];
    const apps = Array.from({ length: appCount }, (_, at) => `app-${at}`);
    const one = (value: number | null) => [null, value];
    const history = {
      ...{ stepMs: 10_000, fromMs: 1000, points: 2, apps },
      counts: { connections: one(2), messages: one(30), deliveries: one(40), errors: one(0) },
      ...{ loopDelayMs: one(1), memoryBytes: one(5), p50Ms: one(null), p99Ms: one(4) },
    };
    const server = Fastify();
    onTestFinished(() => server.close());
    server.get('/admin/status', () => ({ workers: [{ node: WORKER }, {}], workersWanted: 2 }));
    server.get('/admin/history', ({ url }) => {
      asked.push(url);
      return history;
    });
    await server.listen({ host: '127.0.0.1', port: 0 });
    const { port } = server.server.address() as AddressInfo;
    return { asked, reader: new FiguresReader({ url: `http://127.0.0.1:${port}`, token: 'x' }, app) };
  }

  test('17.10 asks for the figures of 10 apps, and says how many more there are', async () => {
    const [ten, eleven] = [await reading(MAX_APPS), await reading(MAX_APPS + 1)];
    expect(await ten.reader.read()).toMatchObject({ moreApps: 0 });
    const figures = await eleven.reader.read();
    expect([figures.apps.length, figures.moreApps]).toEqual([MAX_APPS, 1]);
    expect(eleven.asked).toHaveLength(1 + MAX_APPS);
  });

  test('17.10 reads counts of a step as counts of a second, and a step that is known no second time', async () => {
    const { reader, asked } = await reading(1);
    const figures = await reader.read();
    expect(figures.traffic).toEqual({
      ...{ app: '', connections: 2, messages: 3, deliveries: 4, errors: 0, loopDelayMs: 1 },
      ...{ p50Ms: undefined, p99Ms: 4, untilMs: 21_000 },
    });
    expect(figures.workers).toHaveLength(1);
    await reader.read();
    expect(asked).toEqual(
      ['since=0', 'since=0&app=app-0', 'since=11000'].map((query) => `/admin/history?${query}`),
    );
  });

  test('17.10 with --app the figures are those of this app alone', async () => {
    const { reader, asked } = await reading(3, 'shop');
    expect(await reader.read()).toMatchObject({ traffic: { app: 'shop' }, apps: [], moreApps: 0 });
    expect(asked).toEqual(['/admin/history?since=0&app=shop']);
  });
});

describe('the screen of wavehall watch', () => {
  test('17.10 has a row for all, each app and each worker, warnings first, without control characters of others', () => {
    const lines = figureLines(FIGURES);
    expect(lines[0]).toBe('! Redis [31m is full');
    expect(lines.slice(1).map((line) => line.replace(/ +/g, ' '))).toEqual([
      'app connections messages/s deliveries/s errors/s p50 p99 event loop',
      'all 6 1.5 150 0.0 1 ms – 3 ms',
      'shop 3 1.5 150 0.0',
      'evil [2J 3 1.5 150 0.0',
      'and 2 more apps: choose one with --app',
      '',
      'worker ready connections up memory',
      '7 yes 3 1 d 1 h 128 MiB',
      '8 NO 3 1 d 1 h 128 MiB',
    ]);
    expect(summaryLine(FIGURES)).toBe(
      '6 connections   1.5 messages/s   150 deliveries/s   0.0 errors/s   p50 1 ms   p99 –',
    );
  });

  test('17.10 fits into any number of rows, and shows the newest lines', () => {
    const screen = new Screen({ channel: 'a\u001b*' });
    screen.figures = FIGURES;
    for (let line = 1; line <= 2 * MAX_LINES + 1; line += 1) screen.add(`line ${line}`);
    for (const rows of [1, 2, 5, 12, 24, 200])
      expect(screen.rows(rows).length).toBeLessThanOrEqual(Math.max(3, rows));
    const shown = screen.rows(24);
    expect(shown.slice(-2)).toEqual([`line ${2 * MAX_LINES + 1}`, 'q quit   p pause   c clear']);
    expect(shown).toContain('--   live   channel a *   --'.replace('--   live', '-- live'));
    const kept = screen.rows(10_000).filter((line) => line.startsWith('line ')).length;
    expect(kept).toBeGreaterThanOrEqual(MAX_LINES);
    expect(kept).toBeLessThanOrEqual(2 * MAX_LINES);
  });

  test('17.10 a line is cut at the width; its colours end as they do in the whole line', () => {
    expect(cut('\u001B[1mabc\u001B[22mdef', 4)).toBe('\u001B[1mabc\u001B[22md');
    expect(cut('\u001B[1mabc\u001B[22mdef', 2)).toBe('\u001B[1mab\u001B[22m');
    expect(cut('aé😀b', 3)).toBe('aé😀');
    expect(cut('abc', 3)).toBe('abc');
  });
});
