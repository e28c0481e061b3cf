import type { Config } from '../config/index.ts';
import type { Logger } from '../core/ports/logger.ts';
import { type Server, startServer } from '../server/index.ts';

/** Serves in this process until a signal ends it. Rejects when it cannot start. */
export async function serveAlone(config: Config, logger: Logger): Promise<Server> {
  const server = await startServer(config, logger);
  handleSignals({ stop: () => server.stop().then(() => 0), reload: () => server.reloadTls() });
  return server;
}

export interface SignalTarget {
  /** Drains. Resolves with the exit code; a second call ends the drain at once. */
  stop(): Promise<number>;
  reload(): void;
}

/** The first SIGTERM or SIGINT drains, a second one ends the drain at once. SIGHUP reads the certificate again. */
export function handleSignals(target: SignalTarget): void {
  const stop = (): void => void target.stop().then((exitCode) => process.exit(exitCode));
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', () => target.reload());
}
