import { stripVTControlCharacters } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { APP_VARIABLES } from '../support/app.ts';
import { run } from '../cli/command.ts';
import { startServer } from '../support/server.ts';
import { publisher } from '../support/wire-http.ts';
import { startFrontDoor, startTestServer, TOKEN } from './servers.ts';
import { freePort } from '../support/free-port.ts';

const cutover = (door: { origin: string }, ...args: string[]) =>
  run(['cutover', ...args, '--url', door.origin, '--token', TOKEN]);

describe('wavehall cutover', () => {
  test('11.5 prints the state as a table', async () => {
    const door = await startFrontDoor(await startTestServer(), 25);
    const { code, stdout, stderr } = await cutover(door);
    expect([code, stderr]).toEqual([0, '']);
    const text = stripVTControlCharacters(stdout);
    expect(text).toContain('Wavehall has 25 % of the browsers');
    expect(text).toMatch(/clients now +0 +0/);
  });

  test('11.5 set and back, with the token from the environment, and as JSON', async () => {
    const door = await startFrontDoor(await startTestServer(), 0);
    const env = { WAVEHALL_ADMIN_TOKEN: TOKEN };
    const set = await run(['cutover', '--json', 'set', '12.5', '--url', door.origin], env);
    expect([set.code, set.stderr]).toEqual([0, '']);
    expect((JSON.parse(set.stdout) as { percentage: object }).percentage).toMatchObject({ percent: 12.5 });
    expect((await door.status()).percentage.percent).toBe(12.5);
    const back = await run(['cutover', 'rollback', '--url', door.origin], env);
    expect([back.code, back.stderr]).toEqual([0, '']);
    expect((await door.status()).percentage.percent).toBe(0);
  });

  test('11.5 back ends with 1 while the other server is dead, and everybody stays; --force goes all the same', async () => {
    const door = await startFrontDoor(`http://127.0.0.1:${await freePort()}`, 50);
    const refused = await cutover(door, 'rollback');
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toMatch(/^wavehall: The upstream cannot be connected \(ECONNREFUSED\): .*--force/);
    expect((await door.status()).percentage.percent).toBe(50);
    expect((await cutover(door, 'rollback', '--force')).code).toBe(0);
    expect((await door.status()).percentage.percent).toBe(0);
  });

  test.each(['101', '1.234', 'half', '100.5'])('11.17 set %s ends with 1 and says why', async (given) => {
    const door = await startFrontDoor(`http://127.0.0.1:${await freePort()}`, 7);
    expect(await cutover(door, 'set', given)).toEqual({
      code: 1,
      stdout: '',
      stderr: `wavehall: set "${given}": expected a number from 0 to 100 with at most two decimals\n`,
    });
    expect((await door.status()).percentage.percent).toBe(7);
  });

  test('11.17 what stands in the way is said with the name of the flag or setting', async () => {
    const house = await startTestServer();
    const silent = await startTestServer({ WAVEHALL_ADMIN_TOKEN: '' });
    const gone = `http://127.0.0.1:${await freePort()}`;
    const saidBy = async (...args: string[]) => {
      const { code, stdout, stderr } = await run(['cutover', ...args]);
      expect([code, stdout]).toEqual([1, '']);
      return stderr.trim();
    };
    expect(await saidBy('--url', house.origin)).toBe(
      'wavehall: --token, or WAVEHALL_ADMIN_TOKEN: expected the token of the admin API',
    );
    expect(await saidBy('--url', house.origin, '--token', 'wrong')).toBe(
      `wavehall: ${house.origin} refuses this token: --token, or WAVEHALL_ADMIN_TOKEN`,
    );
    expect(await saidBy('--url', house.origin, '--token', TOKEN)).toBe(
      'wavehall: There is no cutover: WAVEHALL_CUTOVER_UPSTREAM is not set.',
    );
    expect(await saidBy('--url', silent.origin, '--token', TOKEN)).toBe(
      `wavehall: ${silent.origin} has no admin API: WAVEHALL_ADMIN_TOKEN is not set there`,
    );
    expect(await saidBy('--url', gone, '--token', TOKEN)).toBe(
      `wavehall: --url ${gone}: cannot be reached (ECONNREFUSED)`,
    );
    expect(await saidBy('--url', 'localhost', '--token', TOKEN)).toBe(
      'wavehall: --url "localhost": expected http://host:port or https://host:port',
    );
  });
});

describe('wavehall cutover serve', () => {
  test('11.17 refuses to start without an upstream', async () => {
    expect(await run(['cutover', 'serve'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'wavehall: WAVEHALL_CUTOVER_UPSTREAM: expected a value\n',
    });
    const { code, stderr } = await run(['cutover', 'serve', '--upstream', 'reverb:8081', '--percent', '101']);
    expect(code).toBe(1);
    expect(stderr).toContain('WAVEHALL_CUTOVER_UPSTREAM="reverb:8081": expected http://host:port');
    expect(stderr).toContain('WAVEHALL_CUTOVER_PERCENT="101": expected a number from 0 to 100');
  });

  test('11.1 is wavehall start with the front door on', async () => {
    const other = await startTestServer();
    const server = await startServer(
      {
        ...APP_VARIABLES,
        WAVEHALL_ADMIN_TOKEN: TOKEN,
        WAVEHALL_CUTOVER_STATE_FILE: '/dev/null/none',
      },
      ['--upstream', other.origin, '--percent', '30'],
      ['cutover', 'serve'],
    );
    try {
      expect(server.output()).toContain(`"cutover":"front door before ${other.origin}/"`);
      const { stdout } = await cutover({ origin: `http://127.0.0.1:${server.port}` }, '--json');
      expect(JSON.parse(stdout)).toMatchObject({ percentage: { percent: 30 } });
    } finally {
      await server.close();
    }
    expect(await server.exited).toBe(0);
  });
});

describe('wavehall cutover compare', () => {
  const env = (upstream: string) => ({
    ...APP_VARIABLES,
    WAVEHALL_CUTOVER_UPSTREAM: upstream,
  });

  test('11.16 go is 0, no go is 2', async () => {
    const other = await startTestServer();
    const door = await startFrontDoor(other, 50);
    await vi.waitFor(async () => expect((await door.status()).bridge[0]?.connected).toBe(true));
    const args = [
      'cutover',
      'compare',
      '--channels',
      'orders,private-x',
      '--seconds',
      '0.5',
      '--url',
      door.origin,
    ];
    const publishing = setInterval(() => {
      void publisher(door).post('/events', {
        name: 'e',
        channels: ['orders', 'private-x'],
        data: `${Date.now()}`,
      });
    }, 20);
    onTestFinished(() => clearInterval(publishing));
    const go = await run([...args, '--json'], env(other.origin));
    expect([go.code, go.stderr]).toEqual([0, '']);
    expect((JSON.parse(go.stdout) as { isGo: boolean }).isGo).toBe(true);
    const gone = `http://127.0.0.1:${await freePort()}`;
    const noGo = await run(args, env(gone));
    expect([noGo.code, noGo.stderr]).toEqual([2, '']);
    expect(noGo.stdout).toContain('the upstream');
  });

  test('11.17 what is missing is named', async () => {
    const saidBy = async (...args: string[]) => (await run(['cutover', 'compare', ...args])).stderr.trim();
    expect(await saidBy('--channels', 'a')).toBe(
      'wavehall: --upstream, or WAVEHALL_CUTOVER_UPSTREAM: expected the address of the upstream',
    );
    expect(await saidBy('--channels', ',', '--upstream', 'http://a')).toBe(
      'wavehall: --channels: expected names separated by commas',
    );
    expect(await saidBy('--channels', 'a', '--seconds', 'x', '--upstream', 'http://a')).toBe(
      'wavehall: --seconds x: expected a number above 0',
    );
    expect(await saidBy('--channels', 'a', '--app', 'b', '--upstream', 'http://a')).toBe(
      'wavehall: --app b: expected one of app-id',
    );
  });
});
