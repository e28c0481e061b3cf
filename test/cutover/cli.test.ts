import { stripVTControlCharacters } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { APP_VARIABLES } from '../support/app.ts';
import { run } from '../cli/command.ts';
import { startServer } from '../support/server.ts';
import { publisher } from '../support/wire-http.ts';
import { startFrontDoor, startTestServer, TOKEN } from './servers.ts';
import { freePort } from '../support/free-port.ts';
import { waitFor } from '../support/wait-for.ts';

const cutover = (frontDoor: { origin: string }, ...args: string[]) =>
  run(['cutover', ...args, '--url', frontDoor.origin, '--token', TOKEN]);

describe('wavehall cutover', () => {
  test('11.5 prints the status as a table', async () => {
    const frontDoor = await startFrontDoor(await startTestServer(), 25);
    const { code, stdout, stderr } = await cutover(frontDoor);
    expect([code, stderr]).toEqual([0, '']);
    const text = stripVTControlCharacters(stdout);
    expect(text).toContain('Wavehall has 25 % of the browsers');
    expect(text).toMatch(/clients connected +0 +0/);
  });

  test('11.5 sets and rolls back, with the token from the environment, and prints JSON', async () => {
    const frontDoor = await startFrontDoor(await startTestServer(), 0);
    const env = { WAVEHALL_ADMIN_TOKEN: TOKEN };
    const set = await run(['cutover', '--json', 'set', '12.5', '--url', frontDoor.origin], env);
    expect([set.code, set.stderr]).toEqual([0, '']);
    expect((JSON.parse(set.stdout) as { percentage: object }).percentage).toMatchObject({ percent: 12.5 });
    expect((await frontDoor.status()).percentage.percent).toBe(12.5);
    const rollback = await run(['cutover', 'rollback', '--url', frontDoor.origin], env);
    expect([rollback.code, rollback.stderr]).toEqual([0, '']);
    expect((await frontDoor.status()).percentage.percent).toBe(0);
  });

  test('11.5 a rollback ends with 1 and moves no browser while the upstream is down, unless --force is given', async () => {
    const frontDoor = await startFrontDoor(`http://127.0.0.1:${await freePort()}`, 50);
    const refused = await cutover(frontDoor, 'rollback');
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toMatch(/^wavehall: The upstream cannot be reached \(ECONNREFUSED\): .*--force/);
    expect((await frontDoor.status()).percentage.percent).toBe(50);
    expect((await cutover(frontDoor, 'rollback', '--force')).code).toBe(0);
    expect((await frontDoor.status()).percentage.percent).toBe(0);
  });

  test.each(['101', '1.234', 'half', '100.5'])(
    '11.17 set %s ends with 1 and prints the reason',
    async (given) => {
      const frontDoor = await startFrontDoor(`http://127.0.0.1:${await freePort()}`, 7);
      expect(await cutover(frontDoor, 'set', given)).toEqual({
        code: 1,
        stdout: '',
        stderr: `wavehall: set "${given}": expected a number from 0 to 100 with at most two decimals\n`,
      });
      expect((await frontDoor.status()).percentage.percent).toBe(7);
    },
  );

  test('11.17 errors name the flag or setting', async () => {
    const server = await startTestServer();
    const withoutAdminApi = await startTestServer({ WAVEHALL_ADMIN_TOKEN: '' });
    const closedUrl = `http://127.0.0.1:${await freePort()}`;
    const stderrOf = async (...args: string[]) => {
      const { code, stdout, stderr } = await run(['cutover', ...args]);
      expect([code, stdout]).toEqual([1, '']);
      return stderr.trim();
    };
    expect(await stderrOf('--url', server.origin)).toBe(
      'wavehall: --token, or WAVEHALL_ADMIN_TOKEN: expected the token of the admin API',
    );
    expect(await stderrOf('--url', server.origin, '--token', 'wrong')).toBe(
      `wavehall: ${server.origin} refuses this token: --token, or WAVEHALL_ADMIN_TOKEN`,
    );
    expect(await stderrOf('--url', server.origin, '--token', TOKEN)).toBe(
      'wavehall: There is no cutover: WAVEHALL_CUTOVER_UPSTREAM is not set.',
    );
    expect(await stderrOf('--url', withoutAdminApi.origin, '--token', TOKEN)).toBe(
      `wavehall: ${withoutAdminApi.origin} has no admin API: WAVEHALL_ADMIN_TOKEN is not set there`,
    );
    expect(await stderrOf('--url', closedUrl, '--token', TOKEN)).toBe(
      `wavehall: --url ${closedUrl}: cannot be reached (ECONNREFUSED)`,
    );
    expect(await stderrOf('--url', 'localhost', '--token', TOKEN)).toBe(
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

  test('11.1 starts Wavehall with a front door', async () => {
    const upstream = await startTestServer();
    const server = await startServer(
      {
        ...APP_VARIABLES,
        WAVEHALL_ADMIN_TOKEN: TOKEN,
        WAVEHALL_CUTOVER_STATE_FILE: '/dev/null/none',
      },
      ['--upstream', upstream.origin, '--percent', '30'],
      ['cutover', 'serve'],
    );
    try {
      expect(server.output()).toContain(`"cutover":"proxy in front of ${upstream.origin}/"`);
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

  test('11.16 exits with 0 on go and with 2 on no go', async () => {
    const upstream = await startTestServer();
    const frontDoor = await startFrontDoor(upstream, 50);
    await waitFor(async () => expect((await frontDoor.status()).bridge[0]?.connected).toBe(true));
    const args = [
      'cutover',
      'compare',
      '--channels',
      'orders,private-x',
      '--seconds',
      '0.5',
      '--url',
      frontDoor.origin,
    ];
    const publishing = setInterval(() => {
      void publisher(frontDoor).post('/events', {
        name: 'e',
        channels: ['orders', 'private-x'],
        data: `${Date.now()}`,
      });
    }, 20);
    onTestFinished(() => clearInterval(publishing));
    const go = await run([...args, '--json'], env(upstream.origin));
    expect([go.code, go.stderr]).toEqual([0, '']);
    expect((JSON.parse(go.stdout) as { isGo: boolean }).isGo).toBe(true);
    const closedUrl = `http://127.0.0.1:${await freePort()}`;
    const noGo = await run(args, env(closedUrl));
    expect([noGo.code, noGo.stderr]).toEqual([2, '']);
    expect(noGo.stdout).toContain('the upstream');
  });

  test('11.17 errors name the missing or invalid flag', async () => {
    const stderrOf = async (...args: string[]) => (await run(['cutover', 'compare', ...args])).stderr.trim();
    expect(await stderrOf('--channels', 'a')).toBe(
      'wavehall: --upstream, or WAVEHALL_CUTOVER_UPSTREAM: expected the address of the upstream',
    );
    expect(await stderrOf('--channels', ',', '--upstream', 'http://a')).toBe(
      'wavehall: --channels: expected names separated by commas',
    );
    expect(await stderrOf('--channels', 'a', '--seconds', 'x', '--upstream', 'http://a')).toBe(
      'wavehall: --seconds x: expected a number above 0',
    );
    expect(await stderrOf('--channels', 'a', '--app', 'b', '--upstream', 'http://a')).toBe(
      'wavehall: --app b: expected one of app-id',
    );
  });
});
