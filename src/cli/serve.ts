import type { Config } from '../config/index.ts';
import type { Logger } from '../core/ports/logger.ts';
import { type Server, startServer } from '../server/index.ts';
import { watchReverbRestart } from './reverb-restart.ts';
import { handleSignals, stopProcess } from './signals.ts';

/** Serves in this process until a signal ends it. Rejects when it cannot start. */
export async function serveAlone(config: Config, logger: Logger): Promise<Server> {
  const server = await startServer(config, logger);
  const target = { stop: () => server.stop().then(() => 0), reload: () => server.reloadTls() };
  handleSignals(target);
  let isStopping = false;
  await watchReverbRestart(config, logger, () => {
    if (isStopping) return true;
    isStopping = true;
    logger.warn(
      'php artisan reverb:restart: this process drains and ends, so that its supervisor starts it again',
    );
    stopProcess(target);
    return true;
  });
  return server;
}
