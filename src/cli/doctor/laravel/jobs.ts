import type { JsonObject } from '#protocol';
import { listLengths } from '../../../stores/redis/health/list-lengths.ts';
import { parseRedisUrl } from '../../../config/redis-address.ts';
import { sleep } from '../../../core/util/time.ts';
import type { LaravelApp } from './app.ts';
import { runPhp } from './php.ts';
import { objectOf, type QueueSettings, textOf } from './snapshot.ts';

const BETWEEN_SAMPLES_MS = 1000;
const PHP_TIMEOUT_MS = 10_000;

/** Jobs of a queue. `isWorked`: a worker has taken one, or took one meanwhile. */
export type JobCount =
  | { readonly kind: 'counted'; readonly waiting: number; readonly isWorked: boolean }
  | { readonly kind: 'unreachable' | 'unknown'; readonly reason: string };

/** Counts the jobs that wait, twice within a second; jobs are only counted, never taken. */
export function countJobs(laravel: LaravelApp, queue: QueueSettings, timeoutMs: number): Promise<JobCount> {
  if (queue.driver === 'redis') return countInRedis(queue, timeoutMs);
  if (queue.driver === 'database' && textOf(queue.store?.driver) === 'sqlite')
    return countInSqlite(laravel, queue, timeoutMs);
  return Promise.resolve({
    kind: 'unknown',
    reason: `jobs of the connection "${queue.connection}" (${queue.driver ?? ''}) are not counted here`,
  });
}

async function countInRedis(queue: QueueSettings, timeoutMs: number): Promise<JobCount> {
  const { store } = queue;
  if (store === undefined)
    return { kind: 'unknown', reason: 'the Redis connection of the queue is not known' };
  const key = `${queue.redisPrefix}queues:${queue.queue}`;
  const options = redisOptionsOf(store, timeoutMs);
  try {
    const before = await listLengths(options, key, timeoutMs);
    if (before.waiting === 0) return { kind: 'counted', waiting: 0, isWorked: true };
    await sleep(BETWEEN_SAMPLES_MS);
    const after = await listLengths(options, key, timeoutMs);
    const isWorked = before.reserved > 0 || after.reserved > 0 || after.waiting < before.waiting;
    return { kind: 'counted', waiting: after.waiting, isWorked };
  } catch (error) {
    return { kind: 'unreachable', reason: (error as Error).message };
  }
}

function redisOptionsOf(store: JsonObject, timeoutMs: number) {
  const url = parseRedisUrl(textOf(store.url)) ?? {};
  const host = textOf(store.host) || '127.0.0.1';
  const isTls = textOf(store.scheme) === 'tls' || host.startsWith('tls://');
  return {
    host: host.replace(/^\w+:\/\//, ''),
    path: host.startsWith('/') ? host : undefined,
    port: Number(textOf(store.port) || 6379),
    username: textOf(store.username) || undefined,
    password: textOf(store.password) || undefined,
    database: Number(textOf(store.database) || 0),
    tls: isTls,
    ...url,
    keyPrefix: '',
    partitions: 1,
    leaseMs: 0,
    commandTimeoutMs: timeoutMs,
  };
}

/** Opens the file read-only, so that nothing is created or locked. */
const SQLITE_SCRIPT = String.raw`
error_reporting(0);
$in = json_decode(stream_get_contents(STDIN), true);
try {
    $db = new PDO('sqlite:'.$in['file'], null, null, [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_TIMEOUT => 1, PDO::SQLITE_ATTR_OPEN_FLAGS => PDO::SQLITE_OPEN_READONLY]);
    $count = function ($where) use ($db, $in) {
        $query = $db->prepare('select count(*) from "'.str_replace('"', '', $in['table']).'" where queue = ? and '.$where);
        $query->execute([$in['queue'], time()]);
        return (int) $query->fetchColumn();
    };
    $sample = fn () => [$count('reserved_at is null and available_at <= ?'), $count('reserved_at is not null and reserved_at <= ?')];
    $before = $sample();
    if ($before[0] > 0) usleep($in['pauseUs']);
    $out = ['before' => $before, 'after' => $sample()];
} catch (Throwable $error) {
    $out = ['failed' => true];
}
echo "\x01wavehall\x01".json_encode($out);
`;

async function countInSqlite(
  { folder }: LaravelApp,
  queue: QueueSettings,
  timeoutMs: number,
): Promise<JobCount> {
  const input = {
    file: textOf(queue.store?.database) || `${folder}/database/database.sqlite`,
    table: textOf(queue.options.table) || 'jobs',
    queue: queue.queue,
    pauseUs: BETWEEN_SAMPLES_MS * 1000,
  };
  const outcome = await runPhp(SQLITE_SCRIPT, input, Math.max(timeoutMs, PHP_TIMEOUT_MS));
  const { before, after } = outcome.kind === 'answer' ? objectOf(outcome.value) : {};
  if (!isPair(before) || !isPair(after))
    return {
      kind: 'unknown',
      reason: 'the jobs in the database cannot be counted (PHP, pdo_sqlite, the table jobs)',
    };
  return {
    kind: 'counted',
    waiting: after[0],
    isWorked: before[1] > 0 || after[1] > 0 || after[0] < before[0],
  };
}

const isPair = (value: unknown): value is [number, number] =>
  Array.isArray(value) && value.length === 2 && value.every((each) => typeof each === 'number');
