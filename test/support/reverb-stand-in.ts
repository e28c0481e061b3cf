import { fileURLToPath } from 'node:url';
import { startProcess, type TestServer } from './server-process.ts';

const MAIN = fileURLToPath(new URL('./reverb-stand-in/main.ts', import.meta.url));

/** Starts the stand-in for Laravel Reverb in its own process; takes Reverb's environment variables. */
export const startStandIn = (env: Readonly<Record<string, string>> = {}): Promise<TestServer> =>
  startProcess({
    name: 'The stand-in for Reverb',
    command: process.execPath,
    args: ['--conditions=source', '--import', 'tsx', MAIN],
    env: { PATH: process.env.PATH, REVERB_SERVER_PORT: '0', ...env },
    portOf(output) {
      const port = /listening on port (\d+)/.exec(output)?.[1];
      return port === undefined ? undefined : Number(port);
    },
    stop: (kill) => kill('SIGKILL'),
  });
