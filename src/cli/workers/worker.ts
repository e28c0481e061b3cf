import cluster from 'node:cluster';
import type { Config } from '../../config/index.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { startServer } from '../../server/index.ts';
import type { WorkerMark } from './mark.ts';
import { processChannel } from './primary-channel.ts';
import { PrimaryLink } from './primary-link.ts';

/** Serves until the primary orders a stop, or has ended. Rejects when it cannot start. */
export function serveAsWorker(config: Config, logger: Logger, { restarts }: WorkerMark): Promise<void> {
  // `node:cluster` ends its workers itself when the primary has ended.
  if (!cluster.isWorker) process.on('disconnect', () => process.exit(0));
  const link = new PrimaryLink(processChannel, { workers: config.workers, restarts });
  return link.serve(startServer(config, logger, link));
}
