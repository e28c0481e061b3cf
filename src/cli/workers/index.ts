import cluster from 'node:cluster';
import { drainTimes } from '../../config/clients/drain.ts';
import { type Config, SERVER_SETTINGS } from '../../config/index.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { watchReverbRestart } from '../reverb-restart.ts';
import { handleSignals } from '../signals.ts';
import type { Opened } from './messages.ts';
import { Primary } from './primary.ts';
import { markOf, type WorkerMark, WORKER_VARIABLE } from './mark.ts';

/**
 * Serves by several processes until a signal ends them. Rejects when they cannot start.
 * `node:cluster` distributes connections in turn: docs/decisions/0006-workers.md.
 */
export async function serveWithWorkers(config: Config, logger: Logger): Promise<Opened> {
  if (cluster.isWorker)
    throw new Error(
      'WAVEHALL_WORKERS: expected 1, because this process is already one of several (started with node:cluster, or by PM2 in cluster mode)',
    );
  const { workers } = config;
  const { mostMs: drainMs } = drainTimes(config);
  const fork = (mark: WorkerMark) =>
    cluster.fork({ ...keptSettings(config), [WORKER_VARIABLE]: markOf(mark, process.pid) });
  const primary = new Primary({ workers, drainMs, logger, clock: Date.now, fork });
  const opened = await primary.start();
  handleSignals(primary);
  await watchReverbRestart(config, logger, () => primary.restart('php artisan reverb:restart'));
  return opened;
}

/** Settings that hold until the primary ends. A new worker reads all others again, from the environment's file too. */
const keptSettings = ({ host, port, workers }: Config): Record<string, string> => ({
  [SERVER_SETTINGS.host.name]: host,
  [SERVER_SETTINGS.port.name]: `${port}`,
  [SERVER_SETTINGS.workers.name]: `${workers}`,
});
