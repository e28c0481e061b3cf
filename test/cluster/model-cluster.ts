import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { ChannelRef } from '../../src/core/ports/events.ts';
import { Keys } from '../../src/stores/redis/keys.ts';
import { defineScripts, luaOf } from '../../src/stores/redis/link/scripts.ts';
import type { TestRedis } from '../support/redis.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { TransitionChecker } from './transition-checker.ts';
import { LEASE_MS, ModelNode, SCRIPTS } from './model-node.ts';
import { NO_FAULTS, type ConnectionFaults } from './faulty-connection.ts';
import { sleep } from '../../src/core/util/time.ts';

const APP = 'a:b';
const CHANNELS = ['presence-a', 'presence-b:1', 'presence-c'];
const USERS = ['1', '0', '__proto__', 'zoë'];
const PARTITIONS = 2;
const NODES = 3;
/** Time limit after the last fault for all keys and rosters to be correct. */
const SETTLE_MS = 15_000;

const FAULTS: ConnectionFaults = { twice: 0.12, lostReply: 0.04, lostCommand: 0.03, longestDelayMs: 8 };

const STEPS = {
  enter: 45,
  leave: 38,
  crash: 1.2,
  sleep: 2,
  cutCommands: 2.5,
  cutSubscriber: 2,
  save: 1,
  wipe: 0.5,
  restart: 0.5,
};

export type ExcludedSteps = readonly (keyof typeof STEPS)[];

/** Three nodes on one Redis, with random steps and faults from a seed; at the end all nodes must have the same rosters. */
export class ModelCluster {
  readonly #redis: TestRedis;
  readonly #random: SeededRandom;
  readonly #prefix: string;
  readonly #keys: Keys;
  readonly #transitions = new TransitionChecker();
  readonly #violations: string[] = [];
  readonly #log: string[] = [];
  readonly #executor: Redis;
  #nodes: ModelNode[] = [];
  #started = 0;
  #faults: ConnectionFaults = FAULTS;
  #isDown = false;
  readonly #pending = new Set<Promise<unknown>>();

  constructor(redis: TestRedis, seed: number) {
    this.#redis = redis;
    this.#random = new SeededRandom(seed);
    this.#prefix = `s${seed}:`;
    this.#keys = new Keys(this.#prefix, PARTITIONS);
    this.#executor = new Redis(redis.port, '127.0.0.1', {
      lazyConnect: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => 10,
    });
    this.#executor.on('error', () => undefined);
    defineScripts(this.#executor);
  }

  /** Runs the steps; resolves with the violations. */
  async run(steps: number, without: ExcludedSteps = []): Promise<string[]> {
    const weights = { ...STEPS };
    for (const step of without) weights[step] = 0;
    try {
      await this.#executor.connect();
      await this.#executor.flushall();
      await this.#loadScripts();
      for (let at = 0; at < NODES; at += 1) await this.#start();
      for (let at = 0; at < steps; at += 1) await this.#step(this.#random.pickWeighted(weights));
      this.#faults = NO_FAULTS;
      await Promise.all(this.#pending);
      await this.#settle('at the end', () => this.#problems());
      await Promise.all(this.#nodes.map((node) => node.leaveAll()));
      await this.#settle('after all clients left', () => this.#problems());
      await Promise.all(this.#nodes.map((node) => node.stop()));
      await this.#settle('after all nodes stopped', () => this.#leftovers());
    } finally {
      for (const node of this.#nodes) if (!node.hasEnded) node.crash();
      this.#executor.disconnect();
    }
    const found = [...this.#transitions.violations, ...this.#violations];
    return found.length === 0 ? [] : [...found, `steps: ${this.#log.join(', ')}`];
  }

  get transitions(): number {
    return this.#transitions.count;
  }

  // --- steps and faults ----------------------------------------------------------------------------

  async #step(step: keyof typeof STEPS): Promise<void> {
    const random = this.#random;
    const node = random.pick(this.#nodes)!;
    const ref = { app: APP, channel: random.pick(CHANNELS)! };
    const id = random.pick(USERS)!;
    const name = node.options.name;
    this.#log.push(
      step === 'enter' || step === 'leave' ? `${name} ${step} ${ref.channel} ${id}` : `${name} ${step}`,
    );
    switch (step) {
      case 'enter':
        this.#later(node.enter(ref, { id, userId: id, infoJson: undefined }));
        break;
      case 'leave':
        this.#later(node.leave(ref, random));
        break;
      case 'crash':
        node.crash();
        this.#nodes = this.#nodes.filter((other) => other !== node);
        if (random.is(0.7)) await this.#expire(node.node.id);
        await this.#start();
        break;
      case 'sleep':
        this.#later(node.sleep(20 + random.below(150)));
        if (random.is(0.7)) await this.#expire(node.node.id);
        break;
      case 'cutCommands':
        node.cutCommands();
        break;
      case 'cutSubscriber':
        node.cutSubscriber();
        break;
      case 'save':
        await this.#executor.save().catch(() => undefined);
        break;
      case 'wipe':
        await this.#executor.flushall();
        // Lets earlier answers be added before the reset; later ones come from nodes that have attached again.
        await turn();
        this.#transitions.reset(new Map());
        break;
      case 'restart':
        await this.#restart();
        break;
    }
    if (random.is(0.6)) await sleep(random.below(8));
  }

  #later(task: Promise<unknown>): void {
    const pending = task.finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }

  async #start(): Promise<void> {
    const node = new ModelNode({
      name: `n${++this.#started}`,
      port: this.#redis.port,
      prefix: this.#prefix,
      partitions: PARTITIONS,
      random: this.#random,
      faults: () => this.#faults,
      execute: (script, args, by) => this.#execute(script, args, by),
      violated: (what) => this.#violations.push(what),
    });
    await node.start();
    this.#nodes.push(node);
  }

  /** Ends the lease of a node, as if it had not renewed it. */
  async #expire(id: string): Promise<void> {
    for (let partition = 0; partition < PARTITIONS; partition += 1)
      await this.#executor.zadd(this.#keys.nodes(partition), 'XX', '1', id);
  }

  /** Restarts Redis with its present data, with its last snapshot, or empty. */
  async #restart(): Promise<void> {
    const kind = this.#random.pick(['kept', 'old', 'nothing'] as const)!;
    this.#log.push(kind);
    if (kind === 'kept') await this.#executor.save();
    if (kind === 'nothing') await this.#removeSnapshot();
    this.#isDown = true;
    await this.#redis.kill();
    await sleep(this.#random.below(LEASE_MS));
    await this.#redis.restart();
    while (this.#executor.status !== 'ready') await sleep(2);
    await this.#loadScripts();
    const found = new Map<string, string[]>();
    for (const channel of CHANNELS) {
      const { counts, members } = this.#keys.channel({ app: APP, channel });
      if ((await this.#executor.hlen(counts)) > 0) found.set(channel, await this.#executor.hkeys(members));
    }
    this.#transitions.reset(found);
    this.#isDown = false;
  }

  /** Loads the scripts, so that no call has to load one first and its answer is added late. */
  async #loadScripts(): Promise<void> {
    for (const name of SCRIPTS) await this.#executor.script('LOAD', luaOf(name));
  }

  async #removeSnapshot(): Promise<void> {
    const [, folder = ''] = await this.#executor.config('GET', 'dir');
    rmSync(join(folder, 'dump.rdb'), { force: true });
  }

  async #execute(script: string, args: readonly unknown[], by: string): Promise<unknown> {
    if (this.#isDown) throw new Error('Connection is closed.');
    const command = (this.#executor as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>)[
      `wavehall_${script}`
    ]!;
    const answer = await command.apply(this.#executor, [...args]);
    if (script === 'sync-channel') this.#addChanges(answer as [string], args, by);
    if (script === 'clean-up-node') this.#addCleanUp(answer as [string, number], by);
    return answer;
  }

  #addChanges([, changes = []]: readonly [string, string[]?], args: readonly unknown[], by: string): void {
    const channel = args[Number(args[0]) + 5] as string;
    for (const change of changes) this.#transitions.add(channel, change, by);
  }

  #addCleanUp([, , changes = []]: readonly [string, number, string[]?], by: string): void {
    for (const each of changes) {
      const [row = '', change = ''] = each.split('\n');
      this.#transitions.add(row.slice(`${APP.length}:${APP}:`.length), change, `${by}, cleaning up`);
    }
  }

  // --- checks ----------------------------------------------------------------------------

  /** Waits until there are no problems; records those that remain as violations. */
  async #settle(when: string, problems: () => Promise<string[]>): Promise<void> {
    const until = Date.now() + SETTLE_MS;
    let found = await problems();
    while (found.length > 0 && Date.now() < until) {
      await sleep(20);
      found = await problems();
    }
    this.#violations.push(...found.map((what) => `${when}: ${what}`));
  }

  async #problems(): Promise<string[]> {
    return [...(await this.#keyProblems()), ...(await this.#rosterProblems())];
  }

  async #rosterProblems(): Promise<string[]> {
    const problems: string[] = [];
    for (const channel of CHANNELS) {
      const ref: ChannelRef = { app: APP, channel };
      const expectedUsers = this.#usersOf(channel);
      for (const node of this.#nodes) {
        problems.push(...node.viewProblems(channel, expectedUsers));
        const roster = await node.membership.members(ref).catch(() => []);
        const ids = roster.map(({ id }) => id).sort();
        if (ids.join() !== expectedUsers.join())
          problems.push(
            `${node.options.name} has [${ids.join()}] on ${channel}, not [${expectedUsers.join()}]`,
          );
      }
    }
    return problems;
  }

  #usersOf(channel: string): string[] {
    return [...new Set(this.#nodes.flatMap((node) => node.expected(channel).users))].sort();
  }

  async #keyProblems(): Promise<string[]> {
    const expected = this.#expectedKeys();
    const found = await this.#storedKeys();
    const names = [...new Set([...expected.keys(), ...found.keys()])];
    return names
      .filter((name) => expected.get(name) !== found.get(name))
      .map((name) => `${name} is ${found.get(name) ?? 'not there'}, not ${expected.get(name) ?? 'there'}`);
  }

  /** Returns the expected values of all keys, from the clients of the running nodes; versions are left out. */
  #expectedKeys(): Map<string, string> {
    const rows = new Map<string, string[]>();
    const add = (key: string, value: string): void => void rows.set(key, [...(rows.get(key) ?? []), value]);
    for (let partition = 0; partition < PARTITIONS; partition += 1)
      for (const { node } of this.#nodes) add(this.#keys.nodes(partition), node.id);
    for (const channel of CHANNELS) {
      const keys = this.#keys.channel({ app: APP, channel });
      for (const node of this.#nodes) {
        const { sockets, users } = node.expected(channel);
        if (sockets === 0) continue;
        add(keys.counts, `${node.node.id}=${sockets}`);
        add(this.#keys.index(keys.partition, node.node.id), keys.channelKey);
        for (const user of users) add(keys.usersOf(node.node.id), user);
      }
      for (const user of this.#usersOf(channel)) {
        add(keys.members, user);
        add(
          keys.nodesPerUser,
          `${user}=${this.#nodes.filter((node) => node.expected(channel).users.includes(user)).length}`,
        );
      }
      if (rows.has(keys.counts))
        rows.set(this.#keys.occupied(keys.partition, APP), [
          ...(rows.get(this.#keys.occupied(keys.partition, APP)) ?? []),
          channel,
        ]);
    }
    return new Map([...rows].map(([key, values]) => [key, values.sort().join()]));
  }

  async #storedKeys(): Promise<Map<string, string>> {
    const rows = new Map<string, string>();
    for (const key of await this.#executor.keys(`${this.#prefix}*`)) {
      const value = await this.#valueOf(key);
      if (value !== undefined) rows.set(key, value);
    }
    return rows;
  }

  async #valueOf(key: string): Promise<string | undefined> {
    const type = await this.#executor.type(key);
    if (type === 'string' || key.endsWith(':g')) return undefined;
    if (type === 'zset') return (await this.#executor.zrange(key, '0', '-1')).sort().join();
    if (type === 'set') return (await this.#executor.smembers(key)).sort().join();
    const hash = Object.entries(await this.#executor.hgetall(key));
    const isMembers = CHANNELS.some((channel) => this.#keys.channel({ app: APP, channel }).members === key);
    return hash
      .map(([field, value]) => (isMembers ? field : `${field}=${value}`))
      .sort()
      .join();
  }

  /** Lists keys that remain; only the generation may remain. */
  async #leftovers(): Promise<string[]> {
    const problems: string[] = [];
    for (const key of await this.#executor.keys(`${this.#prefix}*`)) {
      if (!key.endsWith(':g')) problems.push(`${key} remains`);
      else {
        const fields = await this.#executor.hkeys(key);
        problems.push(
          ...fields
            .filter((field) => !['run', 'generation', 'settling'].includes(field))
            .map((field) => `${key} ${field} remains`),
        );
      }
    }
    return problems;
  }
}
