/** Transitions in the outbox of several nodes, after crashes, repeated scripts and lost answers. */
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Keys } from '../../../src/stores/redis/keys.ts';
import { defineScripts } from '../../../src/stores/redis/link/scripts.ts';
import { wishesOf } from '../../contracts/outbox.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { eventually } from '../../support/wire.ts';
import { sleep } from '../../../src/core/util/time.ts';
import { ModelNode } from '../model-node.ts';
import { ToldTransitions } from './told-transitions.ts';

const RUNS = Number(process.env.RUNS ?? 10);
const PARTITIONS = 2;
const CHANNELS = ['presence-a', 'presence-b:1', '#user-7'];
const USERS = ['7', 'zoë\n1'];
const FAULTS = { twice: 0.12, lostReply: 0.04, lostCommand: 0.03, longestDelayMs: 5 };

const step = fc.record({
  node: fc.nat(2),
  channel: fc.constantFrom(...CHANNELS),
  user: fc.constantFrom(...USERS),
  what: fc.oneof(
    { weight: 46, arbitrary: fc.constant('enter' as const) },
    { weight: 42, arbitrary: fc.constant('leave' as const) },
    { weight: 3, arbitrary: fc.constant('crash' as const) },
    { weight: 3, arbitrary: fc.constant('cut' as const) },
  ),
  pauseMs: fc.oneof(fc.constant(0), fc.nat(5), fc.nat(60)),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

let redis: TestRedis;
let executor: Redis;
let runs = 0;
let lives = 0;
beforeAll(async () => {
  redis = await startRedis();
  executor = new Redis(redis.port);
  defineScripts(executor);
});
afterAll(async () => {
  executor.disconnect();
  await redis.close();
});

class Model {
  readonly prefix = `w${++runs}:`;
  readonly random = new SeededRandom(runs);
  readonly told = new ToldTransitions();
  readonly nodes: ModelNode[] = [];
  readonly keys = new Keys(this.prefix, PARTITIONS);
  readonly #pending: Promise<unknown>[] = [];
  readonly #occupied = new Set<string>();
  readonly #unfinished = new Set<string>();
  #started = 0;
  #hasFaults = true;

  async start(): Promise<ModelNode> {
    const name = `n${++this.#started}`;
    const node = new ModelNode({
      ...{ name, port: redis.port, prefix: this.prefix, partitions: PARTITIONS, random: this.random },
      faults: () => (this.#hasFaults ? FAULTS : { ...FAULTS, twice: 0, lostReply: 0, lostCommand: 0 }),
      execute: (script, args) => this.#execute(script, args),
      violated: () => undefined,
      webhooks: wishesOf({ smoothingMs: 30, maxWaiting: 10_000, endpoints: ['one'] }),
    });
    await node.start();
    return node;
  }

  async run(steps: readonly Step[]): Promise<string[]> {
    for (let at = 0; at < 3; at += 1) this.nodes.push(await this.start());
    for (const each of steps) await this.#do(each);
    this.#hasFaults = false;
    await Promise.all(this.#pending);
    await Promise.all(this.nodes.map((node) => node.leaveAll()));
    await eventually(
      async () => {
        await this.#drain();
        return this.told.isOver && (await this.#isEmpty());
      },
      'everything that began has ended',
      20_000,
    ).catch(() => undefined);
    await Promise.all(this.nodes.map((node) => node.stop()));
    return [...this.told.violations, ...this.told.unfinished(), ...this.told.missing(this.#occupied)];
  }

  /** Notes the channels that a script made occupied; while a partition settles, that may be taken back untold. */
  async #execute(script: string, args: readonly unknown[]): Promise<unknown> {
    const commands = executor as unknown as Record<string, (...all: unknown[]) => Promise<unknown>>;
    const settling = executor.hget(args[1] as string, 'settling');
    const answer = (await commands[`wavehall_${script}`]!.apply(executor, [...args])) as [string, string[]?];
    const isSettling = Number(await settling) >= Date.now() - 1000;
    if (script === 'sync-channel' && !isSettling && answer[1]?.includes('occupied') === true)
      this.#occupied.add(args[Number(args[0]) + 5] as string);
    return answer;
  }

  async #do({ node: at, channel, user, what, pauseMs }: Step): Promise<void> {
    const node = this.nodes[at]!;
    const ref = { app: 'a', channel };
    const id = channel.startsWith('#') ? '7' : user;
    if (what === 'enter') {
      lives += 1;
      this.#pending.push(node.enter(ref, { id, userId: id, infoJson: undefined }));
    } else if (what === 'leave') this.#pending.push(node.leave(ref, this.random));
    else if (what === 'cut') node.cutCommands();
    else await this.#crash(at);
    if (pauseMs > 0) await sleep(pauseMs);
    await this.#drain();
  }

  /** A node ends with entries that it took and did not finish, and with its leases. */
  async #crash(at: number): Promise<void> {
    const node = this.nodes[at]!;
    this.told.add((await node.outbox?.take('one', 3).catch(() => [])) ?? []);
    node.crash();
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      await executor.zadd(this.keys.nodes(partition), 'XX', '1', node.node.id);
      const { owner, candidates } = this.keys.outbox(partition);
      await executor.del(owner, candidates);
    }
    this.nodes[at] = await this.start();
  }

  /** True when nothing waits, in any partition. */
  async #isEmpty(): Promise<boolean> {
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const { stream, waiting } = this.keys.outbox(partition);
      if ((await executor.xlen(stream)) + (await executor.zcard(waiting)) > 0) return false;
    }
    return true;
  }

  /** Takes and finishes what there is; what could not be finished is tried again with the next call. */
  async #drain(): Promise<void> {
    for (const { outbox } of this.nodes) {
      const entries = (await outbox?.take('one', 100).catch(() => [])) ?? [];
      this.told.add(entries);
      for (const { id } of entries) this.#unfinished.add(id);
      const ids = [...this.#unfinished];
      if (ids.length === 0) continue;
      await outbox?.done('one', ids).then(
        () => this.#unfinished.clear(),
        () => undefined,
      );
    }
  }
}

test(
  '9.4 occupied and vacated, added and removed alternate for each channel and user, and what began ends',
  { timeout: 120_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 60, maxLength: 90 }), async (steps) => {
        expect(await new Model().run(steps)).toEqual([]);
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
    expect(lives).toBeGreaterThanOrEqual(20 * RUNS);
  },
);
