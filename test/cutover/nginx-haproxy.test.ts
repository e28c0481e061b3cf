/** The split by nginx or HAProxy, with the configurations of examples/cutover-from-reverb except for the ports. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { APP, APP_VARIABLES } from '../support/app.ts';
import { CaseTools } from '../conformance/case-tools.ts';
import { findNginx } from '../support/cluster-nginx.ts';
import { freePort } from '../support/free-port.ts';
import { findHaproxy, runProxy } from '../support/proxies.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { dataOf, eventually, type Wire } from '../support/wire.ts';
import { upstreamKinds, type UpstreamServer } from './upstream.ts';

const EXAMPLE = new URL('../../examples/cutover-from-reverb/', import.meta.url);
const BROWSERS = 120;
/** Activity timeout in the greetings of Wavehall; the upstream greets with another one. */
const WAVEHALL_ACTIVITY_TIMEOUT_S = 31;

/** One proxy of the examples, running in a folder of its own. */
interface Proxy {
  readonly port: number;
  share(percent: number): Promise<void>;
  close(): Promise<void>;
}

let upstream: UpstreamServer;
let wavehall: TestServer;
const folder = mkdtempSync(join(tmpdir(), 'wavehall-split-'));

beforeAll(async () => {
  const kind = upstreamKinds().at(-1);
  if (kind === undefined) throw new Error('no upstream');
  upstream = await kind.start();
  wavehall = await startServer({
    ...APP_VARIABLES,
    REVERB_APP_ACTIVITY_TIMEOUT: String(WAVEHALL_ACTIVITY_TIMEOUT_S),
    WAVEHALL_CUTOVER_UPSTREAM: upstream.url,
    WAVEHALL_CUTOVER_PERCENT: '100',
    WAVEHALL_CUTOVER_STATE_FILE: join(folder, 'state.json'),
    WAVEHALL_TRUSTED_PROXIES: '127.0.0.1',
  });
});
afterAll(async () => {
  await Promise.all([wavehall.close(), upstream.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

const configured = (name: string, port: number): string =>
  readFileSync(new URL(name, EXAMPLE), 'utf8')
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`)
    .replaceAll('127.0.0.1:8081', `127.0.0.1:${wavehall.port}`)
    .replaceAll('127.0.0.1:8082', `127.0.0.1:${upstream.app.port}`)
    .replaceAll('/run/haproxy/admin.sock', join(folder, 'haproxy.sock'));

const startNginx = async (): Promise<Proxy> => {
  const [port, file] = [await freePort(), join(folder, 'nginx.conf')];
  const write = (percent: number): void => {
    const text = configured('nginx.conf', port).replace(
      '5% wavehall;',
      percent ? `${percent}% wavehall;` : '',
    );
    writeFileSync(file, text);
    execFileSync(findNginx(), ['-t', '-p', folder, '-c', file], { stdio: 'pipe' });
  };
  write(0);
  const nginx = await runProxy(folder, findNginx(), ['-p', folder, '-c', file, '-g', 'daemon off;'], port);
  const workers = (): string =>
    execFileSync('ps', ['--ppid', String(nginx.child.pid), '-o', 'pid=,args='], { encoding: 'utf8' });
  return {
    port,
    async share(percent) {
      const old = workers();
      write(percent);
      nginx.child.kill('SIGHUP');
      const isNew = () =>
        workers()
          .split('\n')
          .some(
            (line) =>
              line.includes('worker process') && !line.includes('shutting down') && !old.includes(line),
          );
      await eventually(isNew, 'nginx has new workers');
      await eventually(
        () => old.split('\n').every((line) => line === '' || !workers().includes(line)),
        'the old workers have stopped accepting',
      );
    },
    close: () => nginx.close(),
  };
};

/** Sends a command as `socat` does in the comment of the configuration. */
const command = (text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(join(folder, 'haproxy.sock'));
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer.trim()));
    socket.end(`${text}\n`);
  });

const startHaproxy = async (): Promise<Proxy> => {
  const [port, file] = [await freePort(), join(folder, 'haproxy.cfg')];
  writeFileSync(file, configured('haproxy.cfg', port));
  execFileSync(findHaproxy(), ['-c', '-f', file], { stdio: 'pipe' });
  const haproxy = await runProxy(folder, findHaproxy(), ['-f', file], port);
  return {
    port,
    async share(percent) {
      const answer = await command(
        `set weight sockets/wavehall ${percent}; set weight sockets/reverb ${100 - percent}`,
      );
      expect(answer).toBe('');
    },
    close: () => haproxy.close(),
  };
};

interface ConnectedBrowser {
  readonly wire: Wire;
  readonly isOnWavehall: boolean;
}

describe.each([
  ['nginx', startNginx],
  ['HAProxy', startHaproxy],
] as const)('11.1 the split at %s', (_name, start) => {
  let proxy: Proxy;
  let site: CaseTools;
  beforeAll(async () => {
    proxy = await start();
    site = new CaseTools({ ...APP, host: '127.0.0.1', port: proxy.port, prefix: '' });
  });
  afterAll(async () => {
    await site.cleanUp();
    await proxy.close();
  });

  const connectBrowsers = async (count: number): Promise<ConnectedBrowser[]> =>
    Promise.all(
      Array.from({ length: count }, async (_, at) => {
        const wire = await site.open(`${site.path}?protocol=7`, {
          headers: { 'User-Agent': `browser ${at}` },
        });
        const isOnWavehall = site.established(wire, await wire.first()) === WAVEHALL_ACTIVITY_TIMEOUT_S;
        return { wire, isOnWavehall };
      }),
    );
  const sidesOf = async (): Promise<boolean[]> => {
    const browsers = await connectBrowsers(BROWSERS);
    await site.cleanUp();
    return browsers.map(({ isOnWavehall }) => isOnWavehall);
  };
  const shareOf = (sides: readonly boolean[]): number => (sides.filter(Boolean).length * 100) / sides.length;

  test('11.1 splits browsers by the set share, and moves no browser back when the share is raised', async () => {
    await proxy.share(0);
    expect(shareOf(await sidesOf())).toBe(0);
    await proxy.share(25);
    const quarter = await sidesOf();
    expect(shareOf(quarter)).toBeGreaterThan(8);
    expect(shareOf(quarter)).toBeLessThan(45);
    expect(await sidesOf()).toEqual(quarter);
    await proxy.share(60);
    const more = await sidesOf();
    expect(shareOf(more)).toBeGreaterThan(40);
    expect(shareOf(more)).toBeLessThan(80);
    expect(quarter.filter((isOnWavehall, at) => isOnWavehall && !more[at])).toEqual([]);
    await proxy.share(100);
    expect(shareOf(await sidesOf())).toBe(100);
  });

  test('11.6 11.7 an event published through the proxy or at the upstream reaches each client once', async () => {
    await proxy.share(50);
    const channel = site.name('orders');
    const browsers = await connectBrowsers(16);
    expect(new Set(browsers.map(({ isOnWavehall }) => isOnWavehall)).size).toBe(2);
    for (const { wire } of browsers) await site.subscribe(wire, channel);
    await site.publish('through', '"the proxy"', channel);
    await new CaseTools(upstream.app).publish('directly', '"at the upstream"', channel);
    for (const { wire } of browsers) {
      expect(dataOf(await wire.next('through'))).toBe('the proxy');
      expect(dataOf(await wire.next('directly'))).toBe('at the upstream');
    }
    await site.publish('fence', '1', channel);
    for (const { wire } of browsers) await wire.next('fence');
    await site.receivesNothing(...browsers.map(({ wire }) => wire));
  });
});
