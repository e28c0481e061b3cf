import cluster from 'node:cluster';
import type { Config } from '../../config/index.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { obeySignals } from '../serve.ts';
import type { Opened } from './messages.ts';
import { Primary } from './primary.ts';
import { WORKER_VARIABLE, workerMark } from './worker.ts';

/**
 * Serves by workers, until a signal ends them all. Rejects when they cannot.
 * Connections are dealt out in turn, as `node:cluster` does by itself: docs/decisions/0006-workers.md.
 */
export async function serveWithWorkers({ workers }: Config, logger: Logger): Promise<Opened> {
  if (cluster.isWorker)
    throw new Error(
      'WAVEHALL_WORKERS: expected 1, because whoever started this process starts several already',
    );
  const fork = (number: number) => cluster.fork({ [WORKER_VARIABLE]: workerMark(number, process.pid) });
  const primary = new Primary({ workers, logger, clock: Date.now, fork });
  const opened = await primary.start();
  obeySignals(primary);
  return opened;
}
