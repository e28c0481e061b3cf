import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { freePort } from './free-port.ts';
import { runProxy } from './proxies.ts';

const CACHE = new URL('../../node_modules/.cache/wavehall-nginx/', import.meta.url).pathname;
const CONFIGURATION = new URL('../../examples/three-nodes/nginx.conf', import.meta.url);

/** Finds nginx on the path, or unpacks it from Debian's package without root; throws with the install command otherwise. */
export function findNginx(): string {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', join(CACHE, 'usr/sbin')];
  const find = (): string | undefined =>
    folders.map((folder) => join(folder, 'nginx')).find((file) => existsSync(file));
  if (find() === undefined) unpack();
  const found = find();
  if (found === undefined)
    throw new Error('These tests need nginx: `brew install nginx` or `apt-get install nginx`.');
  return found;
}

function unpack(): void {
  mkdirSync(CACHE, { recursive: true });
  const script = 'apt-get download nginx && dpkg-deb -x nginx_*.deb .';
  try {
    execFileSync('sh', ['-c', script], { cwd: CACHE, stdio: 'ignore', timeout: 60_000 });
  } catch {
    // `findNginx` throws with the install command.
  }
}

/** PATH with the folder of nginx, for a process that a test starts. */
export const pathWithNginx = (): string => `${process.env.PATH ?? ''}${delimiter}${dirname(findNginx())}`;

export interface Nginx {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts nginx with the configuration of examples/three-nodes and these ports as upstreams. */
export async function startNginx(ports: readonly number[]): Promise<Nginx> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'wavehall-nginx-'));
  const file = join(folder, 'nginx.conf');
  const text = readFileSync(CONFIGURATION, 'utf8').replace(':8080;', `:${port};`);
  const configured = ports.reduce((all, each, at) => all.replace(`:808${at + 1} `, `:${each} `), text);
  writeFileSync(file, configured);
  const nginx = await runProxy(folder, findNginx(), ['-p', folder, '-c', file, '-g', 'daemon off;'], port);
  return {
    port,
    async close() {
      await nginx.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
