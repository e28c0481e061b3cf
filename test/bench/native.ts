/** Compiles the C sources; a program is compiled again only when its sources or the compiler change. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';

const SOURCES = new URL('./native/', import.meta.url).pathname;
const CACHE = new URL('../../node_modules/.cache/wavehall-bench/', import.meta.url).pathname;

export interface Native {
  readonly generator: string;
  readonly floor: string;
}

/** Returns the two programs, or the reason why they cannot be compiled. `compiler` is looked up in PATH. */
export function compileNative(compiler = process.env.CC ?? 'cc'): Native | string {
  if (process.platform !== 'linux') return `the C generator needs Linux, not ${process.platform}`;
  try {
    const generator = filesIn(join(SOURCES, 'generator'));
    return {
      generator: compile(compiler, 'generator', generator),
      floor: compile(compiler, 'floor', [join(SOURCES, 'floor.c')]),
    };
  } catch (error) {
    const { code, stderr } = error as { readonly code?: string; readonly stderr?: Buffer };
    if (code === 'ENOENT') return `there is no C compiler (${compiler})`;
    return `${compiler} failed: ${stderr?.toString().split('\n')[0] ?? String(error)}`;
  }
}

const filesIn = (folder: string): string[] =>
  readdirSync(folder)
    .sort()
    .map((name) => join(folder, name));

/** Names the program by a hash of its sources; renames it into place atomically, because another run may compile at the same time. */
function compile(compiler: string, name: string, files: readonly string[]): string {
  const version = execFileSync(compiler, ['--version'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const hash = createHash('sha256').update(version);
  for (const file of files) hash.update(readFileSync(file));
  const program = join(CACHE, `${name}-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(program)) return program;
  mkdirSync(CACHE, { recursive: true });
  const temporary = `${program}.${process.pid}`;
  const sources = files.filter((file) => file.endsWith('.c'));
  execFileSync(compiler, ['-O2', '-Wall', '-Wextra', '-o', temporary, ...sources], { stdio: 'pipe' });
  renameSync(temporary, program);
  return program;
}
