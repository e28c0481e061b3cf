import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { TestServer } from './server.ts';

const MAIN = fileURLToPath(new URL('./reverb-stand-in/main.ts', import.meta.url));
const START_TIMEOUT_MS = 15_000;

/** Starts the stand-in for Laravel Reverb as a process of its own, with Reverb's environment variables. */
export async function startStandIn(env: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const child = spawn(process.execPath, ['--conditions=source', '--import', 'tsx', MAIN], {
    env: { PATH: process.env.PATH, REVERB_SERVER_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const listening = new Promise<number>((resolve) => {
    child.stdout.on('data', () => {
      const port = /listening on port (\d+)/.exec(output)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
  });
  const port = await Promise.race([
    listening,
    exited.then((code) => Promise.reject(new Error(`The stand-in ended with ${code}:\n${output}`))),
    new Promise<never>((_, reject) =>
      setTimeout(() => reject(new Error(`The stand-in did not start:\n${output}`)), START_TIMEOUT_MS).unref(),
    ),
  ]);
  return {
    host: '127.0.0.1',
    port,
    pid: child.pid ?? 0,
    output: () => output,
    kill: (signal = 'SIGTERM') => void child.kill(signal),
    exited,
    async close() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
