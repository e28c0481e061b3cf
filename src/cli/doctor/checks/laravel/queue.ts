import type { Context } from '../../context.ts';
import type { LaravelApp } from '../../laravel/app.ts';
import { countJobs, type JobCount } from '../../laravel/jobs.ts';
import { envFix } from '../../laravel/env.ts';
import { type Finding, ok, problem, skipped } from '../../report/finding.ts';
import { applyEnv } from '../fixes.ts';

const WORK = 'php artisan queue:work';

/** Checks that queued events are published: a worker takes jobs, or no job waits. */
export async function checkQueue({ laravel, options }: Context): Promise<Finding[]> {
  if (laravel === undefined) return [skipped('queue', 'no Laravel app was given (--laravel)')];
  const { queue } = laravel.used;
  if (queue === undefined)
    return [
      skipped(
        'queue',
        `config/queue.php was not read: check that ${WORK} runs, unless QUEUE_CONNECTION is sync`,
      ),
    ];
  const { connection, driver } = queue;
  if (driver === undefined && connection !== 'null' && connection !== '')
    return [
      problem(
        'queue-connection-unknown',
        `queue.default is "${connection}", which config/queue.php does not have`,
        envFix(laravel.env, 'QUEUE_CONNECTION', 'database', applyEnv(laravel)),
      ),
    ];
  if (driver === undefined || driver === 'null')
    return [
      problem(
        'queue-discards-jobs',
        `queue.default is "${connection}"`,
        envFix(laravel.env, 'QUEUE_CONNECTION', 'database', applyEnv(laravel)),
      ),
    ];
  if (['sync', 'deferred', 'background'].includes(driver))
    return [ok('queue', `"${connection}": events are published at once, without a worker`)];
  return findingOf(await countJobs(laravel, queue, options.timeoutMs), laravel);
}

function findingOf(count: JobCount, { used }: LaravelApp): Finding[] {
  const name = used.queue?.queue ?? 'default';
  switch (count.kind) {
    case 'unknown':
      return [skipped('queue', `${count.reason}: check that ${WORK} runs`)];
    case 'unreachable':
      return [problem('queue-redis-unreachable', `the Redis of the queue: ${count.reason}`)];
    case 'counted':
      if (count.waiting > 0 && !count.isWorked)
        return [
          problem(
            'queue-not-running',
            `${count.waiting} jobs wait in the queue "${name}", and none is being worked on`,
            { run: `${WORK} --queue=${name}` },
          ),
        ];
      return [ok('queue', `${count.waiting} jobs wait in the queue "${name}"`)];
  }
}
