import cluster from 'node:cluster';
import { drainTimes } from '../../config/clients/drain.ts';
import type { Config } from '../../config/index.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { watchReverbRestart } from '../reverb-restart.ts';
import { handleSignals } from '../signals.ts';
import { keptSettings } from './kept-settings.ts';
import type { Opened } from './messages.ts';
import { Primary } from './primary.ts';
import { markOf, type WorkerMark, WORKER_VARIABLE } from './mark.ts';
import { childProcess, type ServingProcess } from './serving-process.ts';

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
  const { mostMs, returnMs } = drainTimes(config);
  const fork = (mark: WorkerMark): ServingProcess => {
    const worker = cluster.fork({ ...keptSettings(config), [WORKER_VARIABLE]: markOf(mark, process.pid) });
    // The process itself has the same event.
    worker.on('error', () => undefined);
    return childProcess(worker.process);
  };
  const primary = new Primary({
    workers,
    takesOver: false,
    drainMs: mostMs + returnMs,
    logger,
    clock: Date.now,
    fork,
  });
  const opened = await primary.start();
  handleSignals(primary);
  await watchReverbRestart(config, logger, () => primary.restart('php artisan reverb:restart'));
  return opened;
}
