/** Docker Compose without Docker's engine: it reads and checks files. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './dockerfile.ts';

const CACHE = `${root}node_modules/.cache/wavehall-docker-compose/`;
const PLUGIN = join(CACHE, 'docker-compose');
const UNPACKED = 'usr/libexec/docker/cli-plugins/docker-compose';
const UNPACK_MS = 150_000;

/** Debian 13's package: the one of Debian 12 is of Compose 1, which cannot read these files. */
const SCRIPT = `
set -e
mkdir -p lists/partial cache
echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main' > sources.list
options="-o Dir::Etc::sourcelist=$PWD/sources.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=$PWD/lists -o Dir::Cache=$PWD/cache -o APT::Sandbox::User=root -o Acquire::Languages=none"
apt-get $options update
apt-get $options download docker-compose
dpkg-deb -x docker-compose_*.deb .
`;

/**
 * Returns the command of Docker Compose 2: the one of Docker, or Debian's, which it unpacks without root.
 * Undefined if neither is to be had; the reason is then in `unpack.log` of the cache.
 */
export function findCompose(): readonly string[] | undefined {
  if (spawnSync('docker', ['compose', 'version']).status === 0) return ['docker', 'compose'];
  if (!existsSync(PLUGIN)) unpack();
  return existsSync(PLUGIN) ? [PLUGIN] : undefined;
}

function unpack(): void {
  mkdirSync(CACHE, { recursive: true });
  // In a folder of its own, because several test files may do this at once.
  const folder = mkdtempSync(join(CACHE, 'unpack-'));
  try {
    execFileSync('sh', ['-c', SCRIPT], { cwd: folder, stdio: 'pipe', timeout: UNPACK_MS });
    renameSync(join(folder, UNPACKED), PLUGIN);
  } catch (error) {
    writeFileSync(join(CACHE, 'unpack.log'), `${String(error)}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface ComposeService {
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly { readonly type: string; readonly source: string; readonly target: string }[];
  readonly ports?: readonly { readonly host_ip?: string; readonly published?: string }[];
}

/** Returns the configuration as Compose understands it; throws with its error. */
export function composeConfig(
  command: readonly string[],
  file: string,
  env: Record<string, string> = {},
): { readonly services: Readonly<Record<string, ComposeService>> } {
  const [program = '', ...args] = command;
  const { status, stdout, stderr } = spawnSync(program, [...args, '-f', file, 'config', '--format', 'json'], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as { services: Record<string, ComposeService> };
}
