import { onTestFinished } from 'vitest';
import { APP } from '../support/app.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { type Answer, type Endpoint, http } from '../support/wire-http.ts';

export const TOKEN = 'a-token-for-tests';

/** The port in an address of the start line. */
const portIn = (server: TestServer, field: 'httpApi' | 'metrics'): number =>
  Number(new RegExp(`"${field}":"https?://[^"]+?:(\\d+)/`).exec(server.output())?.[1]);

/** Starts a server with ports of their own for the HTTP API and the metrics, each a free one. */
export async function startWithPorts(env: Record<string, string> = {}, args: readonly string[] = []) {
  const server = await startServer(
    {
      WAVEHALL_API_PORT: '0',
      WAVEHALL_METRICS_PORT: '0',
      WAVEHALL_DRAIN_SECONDS: '0',
      REVERB_APP_ID: APP.id,
      REVERB_APP_KEY: APP.key,
      REVERB_APP_SECRET: APP.secret,
      ...env,
    },
    args,
  );
  onTestFinished(() => server.close());
  const at = (port: number): Endpoint => ({ ...APP, host: '127.0.0.1', port, prefix: '' });
  return {
    server,
    main: at(server.port),
    api: at(portIn(server, 'httpApi')),
    metrics: at(portIn(server, 'metrics')),
  };
}

/** Sends a GET, with a token if one is given. */
export const get = (to: Endpoint, path: string, token?: string): Promise<Answer> =>
  http(to, {
    method: 'GET',
    path,
    ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
  });

/** Value of a metric: the sum of all its series; NaN without one. */
export function metric(text: string, name: string): number {
  const series = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))];
  return series.length === 0 ? Number.NaN : series.reduce((sum, [, value]) => sum + Number(value), 0);
}
