import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { phpEnv } from '../php.ts';

export interface Worker {
  /** Its output so far. */
  output(): string;
  close(): Promise<void>;
}

/** Starts `php artisan queue:work` in an app. */
export function startWorker(folder: string, ...options: string[]): Worker {
  const words = ['artisan', 'queue:work', 'redis', '--sleep=0.1', ...options];
  const child = spawn('php', words, { cwd: folder, env: phpEnv, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exited = once(child, 'exit');
  return {
    output: () => output,
    async close() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** The log of an app; empty before its first line. */
export const logOf = (folder: string): Promise<string> =>
  readFile(join(folder, 'storage/logs/laravel.log'), 'utf8').catch(() => '');
