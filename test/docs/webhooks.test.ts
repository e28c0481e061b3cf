/** docs/webhooks.md: the command that removes the outboxes removes all their keys in Redis, and no other. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { Keys } from '../../src/stores/redis/keys.ts';
import { startRedis } from '../support/redis.ts';
import { pages, shellBlocksOf } from './shell-blocks.ts';

const run = promisify(execFile);
const REF = { app: 'app-id', channel: 'orders' };

/** The printed command, with the port of a Redis. */
function commandFor(port: number): string {
  const blocks = pages()
    .filter((page) => page === 'docs/webhooks.md')
    .flatMap(shellBlocksOf);
  const [command] = blocks.map(({ text }) => text).filter((text) => text.includes(':w:'));
  return (command ?? '').replaceAll('redis-cli', `redis-cli -p ${port}`);
}

test('the command removes what webhooks leave in Redis, of each installation', async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.close());
  const scoped = new Keys('wavehall:', 64, 0, new Map([['', 'scope']]));
  const [keys, others] = [new Keys('wavehall:', 64), new Keys('other:', 64)];
  const { registry, ...outbox } = keys.outbox(63);
  const left = [
    keys.channel(REF).counts,
    keys.channel({ ...REF, channel: 'w' }).history,
    others.outbox(0).dead,
  ];
  const removed = [
    ...Object.values(outbox),
    scoped.outbox(7).stream,
    keys.onceOnly(5, 'cache_miss', 'orders'),
  ];
  const client = new Redis(redis.url);
  onTestFinished(() => client.disconnect());
  await client.mset([...removed, ...left, registry].flatMap((key) => [key, '1']));

  await run('bash', ['-c', commandFor(redis.port)]);

  expect((await client.keys('*')).toSorted()).toEqual([...left, registry].toSorted());
});
