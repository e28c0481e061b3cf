/** Executes the steps of the Dockerfile without a container engine. */
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config/index.ts';
import { argsOf, copiesOf, execForm, readStages, root, theOnly, type Stage } from './dockerfile.ts';

const run = promisify(execFile);
const START_MS = 15_000;

const stages = readStages();
const image = stages.at(-1) as Stage;
const build = stages[0] as Stage;
const entryPoint = [...execForm(theOnly(image, 'ENTRYPOINT')), ...execForm(theOnly(image, 'CMD'))];
const healthCheck = execForm(theOnly(image, 'HEALTHCHECK'));

const json = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8')) as Record<string, unknown>;

/** Runs the health check's command with the server's port, and returns its exit code. */
async function healthOf(port: number): Promise<number> {
  const [command = '', ...args] = healthCheck;
  const env = { PATH: process.env['PATH'], REVERB_SERVER_PORT: String(port) };
  const child = spawn(command, args, { env, stdio: 'ignore' });
  const [code] = (await once(child, 'exit')) as [number];
  return code;
}

/** True if .dockerignore includes a path in the build context. */
function isInBuildContext(path: string): boolean {
  const lines = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
  expect(lines).toContain('*');
  return lines.includes(`!${path}`);
}

describe('the Dockerfile', () => {
  test('8.11 copies only files that exist and that .dockerignore includes', () => {
    const sources = stages
      .flatMap(copiesOf)
      .filter(({ from }) => from === undefined)
      .flatMap((copy) => copy.sources);
    expect(sources).toContain('src');
    expect(sources.filter((source) => !existsSync(join(root, source)))).toEqual([]);
    expect(sources.filter((source) => !isInBuildContext(source))).toEqual([]);
  });

  test('8.11 excludes secret files from the build context', () => {
    for (const path of ['.env', '.git', 'node_modules', 'dist', 'test', 'examples']) {
      expect(isInBuildContext(path)).toBe(false);
    }
  });

  test('2.1 runs a supported Node, without root, on the port of the server', () => {
    const majors = stages.map((stage) => Number(/^node:(\d+)-/.exec(stage.image)?.[1]));
    expect(new Set(majors).size).toBe(1);
    const least = Number(/^>=(\d+)/.exec((json('package.json')['engines'] as { node: string }).node)?.[1]);
    expect(majors[0]).toBeGreaterThanOrEqual(least);
    expect(theOnly(image, 'USER')).toBe('node');
    expect(Number(theOnly(image, 'EXPOSE'))).toBe(readConfig({}).port);
  });

  test('2.13 has the server itself as entry point, so that it receives signals', () => {
    expect(entryPoint[0]).toBe('node');
    const bin = json('package.json')['bin'] as { wavehall: string };
    expect(entryPoint.slice(1)).toEqual([bin.wavehall, 'start']);
  });
});

describe('the image', () => {
  let folder: string;
  let server: ChildProcess | undefined;

  /** Executes the COPY instructions of a stage; `contexts` has the folder of each source stage. */
  async function copy(stage: Stage, contexts: Record<string, string>, to: string): Promise<void> {
    await mkdir(to, { recursive: true });
    for (const { from = '', sources, to: target } of copiesOf(stage)) {
      for (const source of sources) {
        const name = target === './' ? basename(source) : target;
        const origin = join(contexts[from] ?? `no stage ${from}`, source.replace(/^\/app\//, ''));
        // `installProduction` copies the production packages, as `npm prune` would leave them.
        if (name !== './node_modules') await cp(origin, join(to, name), { recursive: true });
      }
    }
  }

  /** Copies the packages that `npm prune --omit=dev` would keep, by the lock file, so that no other package can be resolved. */
  async function installProduction(to: string): Promise<void> {
    const { packages } = json('package-lock.json') as { packages: Record<string, { dev?: boolean }> };
    const wanted = Object.entries(packages)
      .filter(([path, { dev }]) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && dev !== true)
      .map(([path]) => path);
    expect(wanted).toContain('node_modules/fastify');
    expect(wanted).not.toContain('node_modules/typescript');
    for (const path of wanted.filter((each) => existsSync(join(root, each)))) {
      await cp(join(root, path), join(to, path), { recursive: true });
    }
  }

  /** Starts the image's command in the image's folder and resolves with the port. */
  async function start(more: Record<string, string> = {}): Promise<{ child: ChildProcess; port: number }> {
    const [command = '', ...args] = entryPoint;
    const path = process.env['PATH'];
    const app = { REVERB_APP_ID: 'a', REVERB_APP_KEY: 'b', REVERB_APP_SECRET: 'c' };
    const production = { NODE_ENV: 'production', REVERB_SERVER_HOST: '127.0.0.1', REVERB_SERVER_PORT: '0' };
    const env = { PATH: path, ...app, ...production, ...more };
    const child = spawn(command, args, {
      cwd: join(folder, 'image'),
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    server = child;
    let output = '';
    const port = await new Promise<number>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the server did not start: ${output}`)), START_MS);
      const read = (chunk: Buffer) => {
        output += chunk.toString();
        const found = /"webSocket":"wss?:\/\/[^"]+?:(\d+)\//.exec(output)?.[1];
        if (found === undefined) return;
        clearTimeout(timer);
        resolve(Number(found));
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.on('exit', (code) => reject(new Error(`the server ended with ${code ?? 'a signal'}: ${output}`)));
    });
    return { child, port };
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wavehall-image-'));
    const [building, running] = [join(folder, 'build'), join(folder, 'image')];
    await copy(build, { '': root }, building);
    await symlink(join(root, 'node_modules'), join(building, 'node_modules'));
    const [install, make, prune, ...more] = argsOf(build, 'RUN');
    expect([install, prune, more]).toEqual(['npm ci', 'npm prune --omit=dev', []]);
    const [command = '', ...args] = (make ?? '').split(' ');
    await run(command, args, { cwd: building });
    await copy(image, { '': root, build: building }, running);
    await installProduction(running);
  }, 300_000);

  afterAll(async () => {
    server?.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });

  test('8.11 runs with its own files only, and is healthy until SIGTERM', async () => {
    const { child, port } = await start();
    expect(await healthOf(port)).toBe(0);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(await healthOf(port)).toBe(1);
  });

  const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
  test.skipIf(!hasOpenssl)('8.11 is healthy with TLS too', async () => {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
    const wanted = ['-nodes', '-days', '1', '-subj', '/CN=ws.test', '-newkey', 'ec', '-pkeyopt'];
    const files = ['ec_paramgen_curve:prime256v1', '-keyout', key, '-out', certificate];
    await run('openssl', ['req', '-x509', ...wanted, ...files]);
    const { child, port } = await start({ WAVEHALL_TLS_CERT: certificate, WAVEHALL_TLS_KEY: key });
    expect(await healthOf(port)).toBe(0);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  test('8.11 is unhealthy when the server answers 503', async () => {
    const unhealthy = createServer((_request, response) => response.writeHead(503).end());
    await new Promise<void>((resolve) => unhealthy.listen(0, '127.0.0.1', resolve));
    try {
      expect(await healthOf((unhealthy.address() as AddressInfo).port)).toBe(1);
    } finally {
      unhealthy.close();
    }
  });
});
