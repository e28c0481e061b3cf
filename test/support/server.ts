import { spawn } from 'node:child_process';
import { once } from 'node:events';

const MAIN = new URL('../../dist/src/cli/main.js', import.meta.url).pathname;
const START_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 15_000;

export interface TestServer {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** Everything that it has printed so far. */
  output(): string;
  kill(signal?: NodeJS.Signals): void;
  /** Resolves with the exit code, or `null` when a signal ended it. */
  readonly exited: Promise<number | null>;
  /** Ends it and waits; harmless when it is gone already. */
  close(): Promise<void>;
}

/** Names that the tests' own environment must not bring in. */
const OURS = /^(REVERB|PUSHER|WAVEHALL|REDIS)_/;

/**
 * Starts the real command as a process of its own, on a free port unless `REVERB_SERVER_PORT` says otherwise.
 * Rejects, with what it printed, when it ends instead of listening.
 */
export async function startServer(
  env: Record<string, string> = {},
  args: readonly string[] = [],
  command: readonly string[] = ['start'],
  /** A shell's `ulimit -n`, and flags of Node. */
  { openFiles, node = [] }: { readonly openFiles?: number; readonly node?: readonly string[] } = {},
): Promise<TestServer> {
  const inherited = Object.entries(process.env).filter(([name]) => !OURS.test(name));
  const words = [process.execPath, ...node, MAIN, ...command, ...args];
  const limited =
    openFiles === undefined ? words : ['sh', '-c', `ulimit -n ${openFiles}; exec "$@"`, 'sh', ...words];
  const child = spawn(limited[0] ?? '', limited.slice(1), {
    env: {
      ...Object.fromEntries(inherited),
      REVERB_SERVER_HOST: '127.0.0.1',
      REVERB_SERVER_PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const listening = new Promise<number>((resolve) => {
    child.stdout.on('data', () => {
      const port = /"webSocket":"wss?:\/\/[^"]+?:(\d+)\//.exec(output)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
  });
  const port = await Promise.race([
    listening,
    exited.then((code) => Promise.reject(new Error(`The server ended with ${code}:\n${output}`))),
    new Promise<never>((_, reject) =>
      setTimeout(() => reject(new Error(`The server did not start:\n${output}`)), START_TIMEOUT_MS).unref(),
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
      if (child.exitCode !== null || child.signalCode !== null) return;
      const patience = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      child.kill('SIGTERM');
      child.kill('SIGTERM');
      await exited;
      clearTimeout(patience);
    },
  };
}
