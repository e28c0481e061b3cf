import type { Config } from '../config/index.ts';
import type { Logger } from '../core/ports/logger.ts';
import { type Server, startServer } from '../server/index.ts';
import { handleSignals } from './signals.ts';

/** Serves in this process until a signal ends it. Rejects when it cannot start. */
export async function serveAlone(config: Config, logger: Logger): Promise<Server> {
  const server = await startServer(config, logger);
  handleSignals({ stop: () => server.stop().then(() => 0), reload: () => server.reloadTls() });
  return server;
}
