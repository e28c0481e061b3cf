import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const sdkScript = fileURLToPath(new URL('./sdk.php', import.meta.url));
const printedScript = fileURLToPath(new URL('./printed.php', import.meta.url));

const WORKERS = '4';
const STARTED = /\(http:\/\/127\.0\.0\.1:(\d+)\) started/u;

export interface WebServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Environment without the variables of the test process, so that only the app's .env configures it. */
export const phpEnv: NodeJS.ProcessEnv = { PATH: process.env['PATH'], HOME: process.env['HOME'] };

/** Starts PHP's built-in web server with several workers, on a free port. */
export async function serve(folder: string): Promise<WebServer> {
  const env = { ...phpEnv, PHP_CLI_SERVER_WORKERS: WORKERS };
  // In its own process group, because the workers do not exit with their parent.
  const child = spawn('php', ['-S', '127.0.0.1:0', '-t', 'public'], { cwd: folder, env, detached: true });
  const exited = once(child, 'exit');
  const port = await new Promise<string>((resolve, reject) => {
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const found = STARTED.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.on('error', reject);
    child.on('exit', () => reject(new Error(`php -S ended: ${output}`)));
  });
  child.stdout.resume();
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
      await exited;
    },
  };
}

export async function artisan(folder: string, ...words: string[]): Promise<string> {
  const { stdout } = await run('php', [join(folder, 'artisan'), ...words], { cwd: folder, env: phpEnv });
  return stdout;
}

/** Calls the pusher/pusher-php-server of the app, with its configuration, and returns the result. */
export async function sdk(folder: string, call: string, ...callArgs: unknown[]): Promise<unknown> {
  const args = [sdkScript, folder, call, JSON.stringify(callArgs)];
  const { stdout } = await run('php', args, { cwd: folder, env: phpEnv });
  return JSON.parse(stdout);
}

/** Runs a PHP expression in the app, with its configuration, and returns its value. */
export async function php(folder: string, expression: string): Promise<unknown> {
  const { stdout } = await run('php', [printedScript, folder, expression], { cwd: folder, env: phpEnv });
  return JSON.parse(stdout);
}
