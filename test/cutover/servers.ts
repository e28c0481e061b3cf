import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server as TcpServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { join } from 'node:path';
import { APP, APP_VARIABLES } from '../support/app.ts';
import { readConfig } from '../../src/config/index.ts';
import { startServer } from '../../src/server/index.ts';
import { temporaryFolder } from '../cli/command.ts';
import { FakeLogger } from '../core/fakes.ts';

export const TOKEN = 'a-token-for-tests';

/** A Wavehall in this process, which ends with the test. */
export async function startTestServer(env: Record<string, string> = {}) {
  const logger = new FakeLogger();
  logger.debugging = false;
  const variables: Record<string, string> = {
    REVERB_SERVER_HOST: '127.0.0.1',
    REVERB_SERVER_PORT: '0',
    ...APP_VARIABLES,
    WAVEHALL_DRAIN_SECONDS: '0',
    WAVEHALL_ADMIN_TOKEN: TOKEN,
    WAVEHALL_CUTOVER_STATE_FILE: join(temporaryFolder(), 'state.json'),
    WAVEHALL_WEBHOOK_STATE_FILE: join(temporaryFolder(), 'webhooks.json'),
    WAVEHALL_CUTOVER_CANARY_SECONDS: '0',
    WAVEHALL_CUTOVER_BREACH_SECONDS: '0',
    ...env,
  };
  const config = readConfig(variables);
  const server = await startServer(config, logger);
  onTestFinished(() => server.stop());
  const origin = `http://127.0.0.1:${server.port}`;
  return {
    ...APP,
    host: '127.0.0.1',
    port: server.port,
    prefix: '',
    origin,
    logger,
    server,
    env: variables,
    admin: (path: string, init: { method?: string; body?: string; headers?: Record<string, string> } = {}) =>
      fetch(`${origin}/admin${path}`, {
        ...init,
        headers: { authorization: `Bearer ${TOKEN}`, ...init.headers },
      }),
    status: async () =>
      (await (
        await fetch(`${origin}/admin/cutover`, { headers: { authorization: `Bearer ${TOKEN}` } })
      ).json()) as CutoverStatus,
  };
}

export interface CutoverStatus {
  readonly upstream: string;
  readonly percentage: { readonly percent: number; readonly lastGood: number; readonly changedBy: string };
  readonly split: Record<
    'open' | 'total' | 'failovers',
    { readonly wavehall: number; readonly upstream: number }
  >;
  readonly bridge: readonly { readonly connected: boolean; readonly lastError?: string }[];
}

/** A front door before `upstream`, with the given share. */
export const startFrontDoor = (
  upstream: { port: number } | string,
  percent: number,
  env: Record<string, string> = {},
) =>
  startTestServer({
    WAVEHALL_CUTOVER_UPSTREAM: typeof upstream === 'string' ? upstream : `http://127.0.0.1:${upstream.port}`,
    WAVEHALL_CUTOVER_PERCENT: String(percent),
    ...env,
  });

/** Starts a TCP server that passes each socket to `serve`; it ends with the test. */
export async function startTcpServer(serve: (socket: Socket) => void, server: TcpServer = createServer()) {
  const open = new Set<Socket>();
  server.on(server.listenerCount('secureConnection') > 0 ? 'none' : 'connection', (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, open };
}

/** The server's half of a WebSocket handshake (RFC 6455, 4.2.2). */
export const webSocketAccept = (key: string): string =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
