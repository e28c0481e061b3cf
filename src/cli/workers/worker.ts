import cluster from 'node:cluster';
import type { Config } from '../../config/index.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { startServer } from '../../server/index.ts';
import type { WorkerMark } from './mark.ts';
import { type PrimaryChannel, processChannel } from './primary-channel.ts';
import { PrimaryLink } from './primary-link.ts';

/** Serves until the primary orders a stop, or has ended. Rejects when it cannot start. */
export function serveAsWorker(config: Config, logger: Logger, mark: WorkerMark): Promise<void> {
  // `node:cluster` ends its workers itself when the primary has ended.
  if (!cluster.isWorker) process.on('disconnect', () => process.exit(0));
  return serveFor(processChannel, config, logger, mark);
}

/** Serves for the primary at the other end of the channel. Rejects when it cannot start. */
export async function serveFor(
  channel: PrimaryChannel,
  config: Config,
  logger: Logger,
  { restarts }: Pick<WorkerMark, 'restarts'>,
): Promise<void> {
  const link = new PrimaryLink(channel, { workers: config.workers, restarts });
  const server = await startServer(config, logger, link);
  link.serve(server);
  const { port, secure, apiPort, metricsPort } = server;
  void channel.send({ report: 'opened', at: { port, secure, apiPort, metricsPort } });
}
