/** Real proxies (nginx, HAProxy) as processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { eventually } from './wire.ts';

const START_MS = 15_000;

export function findHaproxy(): string {
  const found = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/opt/homebrew/bin']
    .map((each) => join(each, 'haproxy'))
    .find((each) => existsSync(each));
  if (found === undefined) throw new Error('These tests need HAProxy: `apt-get install haproxy`.');
  return found;
}

/** Starts a proxy and resolves when it listens. */
export async function runProxy(folder: string, command: string, args: readonly string[], port: number) {
  const child: ChildProcess = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exited = once(child, 'exit');
  await eventually(
    () => isListening(port),
    () => `${command} listens: ${output}`,
    START_MS,
  );
  return {
    child,
    async close() {
      child.kill('SIGTERM');
      const killTimer = setTimeout(() => child.kill('SIGKILL'), 3000);
      await exited;
      clearTimeout(killTimer);
    },
  };
}

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
