/** examples/three-nodes, started by the command of its README and used through nginx, while Redis is shut down and a node is killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CaseTools, member } from '../conformance/case-tools.ts';
import { pathWithNginx } from '../support/cluster-nginx.ts';
import { redisCli, startRedis, type TestRedis } from '../support/redis.ts';
import { dataOf, eventually, type Wire } from '../support/wire.ts';

const START_MS = 20_000;
const RECOVERY_MS = 15_000;

let example: ChildProcess;
let output = '';
let site: CaseTools;
let pids: number[];
/** Redis that replaces the one that was shut down. */
let redis: TestRedis | undefined;

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Ids of the members, sorted and joined by commas. */
async function membersOf(channel: string): Promise<string> {
  const { json } = await site.get(`/channels/${channel}/users`);
  return (
    (json as { users?: { id: string }[] }).users
      ?.map(({ id }) => id)
      .sort()
      .join() ?? ''
  );
}

beforeAll(async () => {
  example = spawn(process.execPath, ['start.js'], {
    cwd: 'examples/three-nodes',
    env: { PATH: pathWithNginx(), PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [example.stdout, example.stderr])
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await eventually(
    () => output.includes('Ctrl-C') || example.exitCode !== null,
    () => `it prints its address:\n${output}`,
    START_MS,
  );
  const port = Number(/Connect to\s+127\.0\.0\.1:(\d+)/.exec(output)?.[1]);
  site = new CaseTools({
    host: '127.0.0.1',
    port,
    id: 'app-id',
    key: 'app-key',
    secret: 'app-secret',
    prefix: '',
  });
  pids = [...output.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid));
});
afterAll(async () => {
  if (example.exitCode === null) example.kill('SIGTERM');
  await redis?.close();
});

describe('three nodes behind nginx', () => {
  test('4.3 clients on any node are on one member list and receive every event', async () => {
    const [presence, news] = [site.name('presence-room'), site.name('news')];
    const ids = Array.from({ length: 9 }, (_, at) => String(at));
    const wires = await Promise.all(ids.map((id) => site.subscriber(presence, { member: member(id) })));
    for (const wire of wires) await site.subscribe(wire, news);
    await site.publish('hello', '"all"', news);
    for (const wire of wires) expect(dataOf(await wire.next('hello'))).toBe('all');
    expect(await membersOf(presence)).toBe(ids.join());
  });

  test('8.3 while Redis is shut down no client is disconnected and publishing answers 503; afterwards all are on the member list', async () => {
    const redisPort = Number(/Redis\s+127\.0\.0\.1:(\d+)/.exec(output)?.[1]);
    const channel = site.name('presence-hall');
    const wires: Wire[] = [];
    for (const id of ['one', 'two', 'three'])
      wires.push(await site.subscriber(channel, { member: member(id) }));
    for (const wire of wires) await wire.settle();
    const publish = async () =>
      (await site.publisher.post('/events', { name: 'after', channel, data: '1' })).status;
    await redisCli(['-p', `${redisPort}`, 'shutdown']);
    await eventually(async () => (await publish()) === 503, 'publishing answers 503');
    redis = await startRedis([], (folder) => ['--port', `${redisPort}`, '--dir', folder], redisPort);
    await eventually(async () => (await publish()) === 200, 'publishing works again', RECOVERY_MS);
    await eventually(
      async () => (await membersOf(channel)) === 'one,three,two',
      'all are on the member list',
      RECOVERY_MS,
    );
    for (const wire of wires) {
      await wire.next('after', RECOVERY_MS);
      const events = (await wire.settle()).map(({ event }) => String(event));
      expect(events.filter((event) => event.includes('member_'))).toEqual([]);
      expect(wire.ended).toBeUndefined();
    }
  });

  test('8.3 when a node is killed, requests through nginx are answered, and clients of other nodes remain connected', async () => {
    expect(pids).toHaveLength(3);
    const wires = await Promise.all(Array.from({ length: 9 }, () => site.subscriber(site.name('news'))));
    process.kill(pids[0]!, 'SIGKILL');
    await eventually(() => wires.some(({ ended }) => ended !== undefined), 'its clients are disconnected');
    // Its listening socket may be closed after its clients: what still reaches it is answered by nobody.
    await eventually(() => !isAlive(pids[0]!), 'its port is closed');
    for (let round = 0; round < 12; round += 1) await site.publish('after', String(round), site.name('news'));
    const others = wires.filter(({ ended }) => ended === undefined);
    expect(others.length).toBeGreaterThanOrEqual(5);
    for (const wire of others) expect(dataOf(await wire.next('after'))).toBe(0);
    const newcomer = await site.subscriber(site.name('news'));
    expect(newcomer.socketId).not.toBe('');
  });

  test('2.13 one signal ends all processes', async () => {
    await site.cleanUp();
    const exited = once(example, 'exit');
    example.kill('SIGINT');
    expect(await exited).toEqual([0, null]);
    expect(pids.filter(isAlive)).toEqual([]);
    await expect(site.get('/channels')).rejects.toThrow();
  });
});
