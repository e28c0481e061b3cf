import type { Config } from '../config/index.ts';
import type { Logger } from '../core/ports/logger.ts';
import { type Server, startServer } from '../server/index.ts';

/** Serves in this process, until a signal ends it. Rejects when it cannot. */
export async function serveAlone(config: Config, logger: Logger): Promise<Server> {
  const server = await startServer(config, logger);
  obeySignals({ stop: () => server.stop().then(() => 0), reload: () => server.reloadTls() });
  return server;
}

export interface Obedient {
  /** Resolves with the exit code; called again, it hastens. */
  stop(): Promise<number>;
  reload(): void;
}

/** The first signal drains, the second hastens it. */
export function obeySignals(one: Obedient): void {
  const stop = (): void => void one.stop().then((exitCode) => process.exit(exitCode));
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', () => one.reload());
}
