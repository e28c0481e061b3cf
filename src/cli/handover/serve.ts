import { fork as startProcess } from 'node:child_process';
import cluster from 'node:cluster';
import { drainTimes } from '../../config/clients/drain.ts';
import type { Config } from '../../config/index.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { startServer } from '../../server/index.ts';
import { problemsOf } from '../../settings/settings.ts';
import { ownProcess } from './own-process.ts';
import { keptSettings } from '../workers/kept-settings.ts';
import { watchReverbRestart } from '../reverb-restart.ts';
import { handleSignals } from '../signals.ts';
import { markOf, WORKER_VARIABLE, type WorkerMark } from '../workers/mark.ts';
import type { Opened } from '../workers/messages.ts';
import { PrimaryLink } from '../workers/primary-link.ts';
import { Primary } from '../workers/primary.ts';
import { childProcess, failedProcess, type ServingProcess } from '../workers/serving-process.ts';

/**
 * Serves in this process until a signal ends it. Rejects when it cannot start. A restart replaces the server by one in a new
 * process (SPEC 2.17); this process stays, as the one that a supervisor knows.
 */
export async function serveAlone(config: Config, logger: Logger): Promise<Opened> {
  let hasStarted = false;
  let { port } = config;
  const fork = (mark: WorkerMark): ServingProcess =>
    hasStarted ? successor({ ...config, port }, mark) : serveHere(config, logger);
  const { mostMs, returnMs } = drainTimes(config);
  const primary = new Primary({
    workers: 1,
    takesOver: true,
    drainMs: mostMs + returnMs,
    logger,
    clock: Date.now,
    fork,
  });
  const opened = await primary.start();
  hasStarted = true;
  ({ port } = opened);
  handleSignals(primary);
  await watchReverbRestart(config, logger, () => primary.restart('php artisan reverb:restart'));
  return opened;
}

function serveHere(config: Config, logger: Logger): ServingProcess {
  const { process: own, channel } = ownProcess();
  const link = new PrimaryLink(channel, { workers: 1, restarts: 0 });
  link
    .serve(startServer(config, logger, link))
    .catch((error: unknown) => channel.send({ report: 'failed', problems: problemsOf(error) }));
  return own;
}

/** Starts this program once more, as another process, which reads its settings anew. */
function successor(config: Config, mark: WorkerMark): ServingProcess {
  if (cluster.isWorker)
    return failedProcess('this process belongs to node:cluster, or to PM2 in cluster mode: restart it there');
  const env = { ...process.env, ...keptSettings(config), [WORKER_VARIABLE]: markOf(mark, process.pid) };
  return childProcess(startProcess(process.argv[1] ?? '', process.argv.slice(2), { env }));
}
