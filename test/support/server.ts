import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProcess, type TestServer } from './server-process.ts';

export type { TestServer } from './server-process.ts';

const MAIN = new URL('../../dist/src/cli/main.js', import.meta.url).pathname;

/** In a folder that does not exist: what one server leaves must not reach the next. */
const NO_STATE_FILE = join(tmpdir(), 'wavehall-no-such-folder', 'webhooks.json');

/** Variables of the test process that the server must not inherit. */
const NOT_INHERITED = /^(REVERB|PUSHER|WAVEHALL|REDIS)_/;

/**
 * Starts the real command in its own process, on a free port unless `REVERB_SERVER_PORT` is set.
 * Rejects with its output if it exits before it listens.
 */
export async function startServer(
  env: Record<string, string> = {},
  args: readonly string[] = [],
  command: readonly string[] = ['start'],
  /** `openFiles`: value of `ulimit -n`; `node`: flags of Node; `main`: the command of another build. */
  {
    openFiles,
    node = [],
    main = MAIN,
  }: { readonly openFiles?: number; readonly node?: readonly string[]; readonly main?: string } = {},
): Promise<TestServer> {
  const inherited = Object.entries(process.env).filter(([name]) => !NOT_INHERITED.test(name));
  const words = [process.execPath, ...node, main, ...command, ...args];
  const limited =
    openFiles === undefined ? words : ['sh', '-c', `ulimit -n ${openFiles}; exec "$@"`, 'sh', ...words];
  return startProcess({
    name: 'The server',
    command: limited[0] ?? '',
    args: limited.slice(1),
    env: {
      ...Object.fromEntries(inherited),
      REVERB_SERVER_HOST: '127.0.0.1',
      REVERB_SERVER_PORT: '0',
      WAVEHALL_WEBHOOK_STATE_FILE: NO_STATE_FILE,
      ...env,
    },
    portOf(output) {
      const port = /"webSocket":"wss?:\/\/[^"]+?:(\d+)\//.exec(output)?.[1];
      return port === undefined ? undefined : Number(port);
    },
    // The second signal ends the drain; two at the same time would be one.
    stop(kill) {
      kill('SIGTERM');
      setTimeout(() => kill('SIGTERM'), 100).unref();
    },
  });
}
