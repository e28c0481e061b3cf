import { type ChildProcessByStdio, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 15_000;

/** Server in its own process. */
export interface TestServer {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** Its stdout and stderr so far. */
  output(): string;
  kill(signal?: NodeJS.Signals): void;
  /** Resolves with the exit code, or `null` if a signal ended it. */
  readonly exited: Promise<number | null>;
  /** Ends it and waits for its exit; does nothing if it has already exited. */
  close(): Promise<void>;
}

export interface ServerCommand {
  /** Name in the error if it does not start. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: SpawnOptions['env'];
  /** Returns the port once the server listens; called after each output and every 100 ms. */
  readonly portOf: (output: string) => number | undefined | Promise<number | undefined>;
  /** Requests its exit; SIGKILL follows if it does not exit in time. */
  readonly stop: (kill: (signal: NodeJS.Signals) => void) => void;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** Starts a server and waits until it listens. Rejects with its output if it exits or exceeds the time limit. */
export async function startProcess(options: ServerCommand): Promise<TestServer> {
  const { name, command, args, env } = options;
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const port = await Promise.race([
    listening(child, () => options.portOf(output)),
    exited.then((code) => Promise.reject(new Error(`${name} ended with ${code}:\n${output}`))),
    new Promise<never>((_, reject) =>
      setTimeout(() => reject(new Error(`${name} did not start:\n${output}`)), START_TIMEOUT_MS).unref(),
    ),
  ]).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  return {
    host: '127.0.0.1',
    port,
    pid: child.pid ?? 0,
    output: () => output,
    kill: (signal = 'SIGTERM') => void child.kill(signal),
    exited,
    close: () => close(child, exited, options.stop),
  };
}

function listening(child: Child, port: () => ReturnType<ServerCommand['portOf']>): Promise<number> {
  return new Promise((resolve) => {
    const check = async (): Promise<void> => {
      const found = await port();
      if (found === undefined) return;
      clearInterval(timer);
      child.stdout.off('data', onData);
      resolve(found);
    };
    const onData = (): void => void check();
    const timer = setInterval(onData, 100);
    child.stdout.on('data', onData);
    child.once('exit', () => clearInterval(timer));
  });
}

async function close(child: Child, exited: Promise<unknown>, stop: ServerCommand['stop']): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const killTimer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  stop((signal) => child.kill(signal));
  await exited;
  clearTimeout(killTimer);
}
