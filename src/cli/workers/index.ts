import cluster from 'node:cluster';
import type { Config } from '../../config/index.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { handleSignals } from '../signals.ts';
import type { Opened } from './messages.ts';
import { Primary } from './primary.ts';
import { WORKER_VARIABLE, workerMark } from './mark.ts';

/**
 * Serves by several processes until a signal ends them. Rejects when they cannot start.
 * `node:cluster` distributes connections in turn: docs/decisions/0006-workers.md.
 */
export async function serveWithWorkers({ workers }: Config, logger: Logger): Promise<Opened> {
  if (cluster.isWorker)
    throw new Error(
      'WAVEHALL_WORKERS: expected 1, because this process is already one of several (started with node:cluster, or by PM2 in cluster mode)',
    );
  const fork = (number: number) => cluster.fork({ [WORKER_VARIABLE]: workerMark(number, process.pid) });
  const primary = new Primary({ workers, logger, clock: Date.now, fork });
  const opened = await primary.start();
  handleSignals(primary);
  return opened;
}
