/** The stand-in for Laravel as a process of its own, and a server whose gateway is in front of it. */
import { APP_KEY, COOKIE } from '../../../auth/laravel-cookies.ts';
import type { Bench } from '../../bench.ts';
import { type Contestant, startProgram } from '../../contestants.ts';

const FILE = new URL('../../servers/laravel-at-once.ts', import.meta.url).pathname;

/** Runs on the core of the clients: only the server is to be measured. */
export async function withLaravel<T>(
  { setting: { pinning } }: Bench,
  task: (laravel: Contestant) => Promise<T>,
): Promise<T> {
  const laravel = await startProgram('stand-in for Laravel', 'other', pinning.generator, [
    process.execPath,
    ...['--import', 'tsx', '--conditions=source', FILE],
  ]);
  try {
    return await task(laravel);
  } finally {
    await laravel.close();
  }
}

/** Variables of a server whose gateway asks it. */
export const gatewayTo = ({ endpoint: { host, port } }: Contestant): Record<string, string> => ({
  WAVEHALL_AUTH_UPSTREAM: `http://${host}:${port}`,
  WAVEHALL_AUTH_SESSION_COOKIE: COOKIE,
});

export const WITH_APP_KEY = { APP_KEY };
