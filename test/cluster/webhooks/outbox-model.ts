import { Redis } from 'ioredis';
import { Keys } from '../../../src/stores/redis/keys.ts';
import { defineScripts, luaOf } from '../../../src/stores/redis/link/scripts.ts';
import { sleep } from '../../../src/core/util/time.ts';
import { wishesOf } from '../../contracts/outbox.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { eventually } from '../../support/wire.ts';
import { NO_FAULTS } from '../faulty-connection.ts';
import { ModelNode, SCRIPTS } from '../model-node.ts';
import { Instructions, subjectOf } from './instructions.ts';
import { ToldTransitions } from './told-transitions.ts';

export const CHANNELS = ['presence-a', 'presence-b:1', '#user-7'];
export const USERS = ['7', 'zoë\n1'];
const PARTITIONS = 2;
const NODES = 3;
const SMOOTHING_MS = 30;
const OWNER_MS = 800;
const SETTLE_LIMIT_MS = 15_000;
const FAULTS = { twice: 0.12, lostReply: 0.04, lostCommand: 0.03, longestDelayMs: 5 };
const WISHES = { smoothingMs: SMOOTHING_MS, maxWaiting: 10_000, endpoints: ['one'] };

export interface Step {
  readonly node: number;
  readonly channel: string;
  readonly user: string;
  readonly what: 'enter' | 'leave' | 'crash' | 'cut' | 'compare' | 'wipe';
  readonly pauseMs: number;
}

let models = 0;

/** Three nodes with webhooks on one Redis, with steps and faults from a seed, and a receiver of all that they tell. */
export class OutboxModel {
  readonly #port: number;
  readonly #prefix = `w${++models}:`;
  readonly #random: SeededRandom;
  readonly #keys = new Keys(this.#prefix, PARTITIONS);
  readonly #executor: Redis;
  readonly #instructions = new Instructions(this.#keys);
  readonly #told = new ToldTransitions({ instructions: this.#instructions, smoothingMs: SMOOTHING_MS });
  readonly #violations: string[] = [];
  readonly #nodes: ModelNode[] = [];
  readonly #pending = new Set<Promise<unknown>>();
  readonly #unfinished = new Set<string>();
  /** By name of a node: its beats since the last script that wrote what a node holds. */
  readonly #quietBeats = new Map<string, number>();
  /** Data was lost, and not every node is known to have written its part again. */
  #isLost = false;
  #started = 0;
  #hasFaults = true;

  constructor(port: number, seed: number) {
    this.#port = port;
    this.#random = new SeededRandom(seed);
    this.#executor = new Redis(port);
    defineScripts(this.#executor);
  }

  get lives(): number {
    return this.#told.lives;
  }

  /** Runs the steps; resolves with what was told wrongly. */
  async run(steps: readonly Step[]): Promise<string[]> {
    try {
      // Loaded before, no call has to load one first: the order of the answers is the order of the scripts.
      for (const name of SCRIPTS) await this.#executor.script('LOAD', luaOf(name));
      for (let at = 0; at < NODES; at += 1) this.#nodes.push(await this.#start());
      for (const step of steps) await this.#do(step);
      await this.#compare('at the end');
      await Promise.all(this.#nodes.map((node) => node.leaveAll()));
      await this.#compare('after all left');
      await Promise.all(this.#nodes.map((node) => node.stop()));
      return [...this.#told.violations, ...this.#violations];
    } finally {
      for (const node of this.#nodes) if (!node.hasEnded) node.crash();
      this.#executor.disconnect();
    }
  }

  async #start(): Promise<ModelNode> {
    const node = new ModelNode({
      ...{ name: `n${++this.#started}`, port: this.#port, prefix: this.#prefix, partitions: PARTITIONS },
      ...{ random: this.#random, webhooks: wishesOf(WISHES), webhookOwnerMs: OWNER_MS },
      faults: () => (this.#hasFaults ? FAULTS : NO_FAULTS),
      execute: (script, args, by) => this.#execute(script, args, by),
      violated: () => undefined,
    });
    await node.start();
    return node;
  }

  async #execute(script: string, args: readonly unknown[], by: string): Promise<unknown> {
    const commands = this.#executor as unknown as Record<string, (...all: unknown[]) => Promise<unknown>>;
    const fromMs = Date.now();
    const answer = await commands[`wavehall_${script}`]!.apply(this.#executor, [...args]);
    this.#instructions.add(script, args, answer, { fromMs, toMs: Date.now() });
    if (script === 'sync-channel') this.#quietBeats.clear();
    if (script === 'renew-lease') this.#quietBeats.set(by, (this.#quietBeats.get(by) ?? 0) + 1);
    return answer;
  }

  async #do(step: Step): Promise<void> {
    await this.#act(step);
    if (step.pauseMs > 0) await sleep(step.pauseMs);
    await this.#receive();
  }

  async #act({ node: at, channel, user, what }: Step): Promise<void> {
    const node = this.#nodes[at]!;
    const ref = { app: 'a', channel };
    const id = channel.startsWith('#') ? '7' : user;
    if (what === 'enter') this.#later(node.enter(ref, { id, userId: id, infoJson: undefined }));
    else if (what === 'leave') this.#later(node.leave(ref, this.#random));
    else if (what === 'cut') node.cutCommands();
    else if (what === 'crash') await this.#crash(at);
    else if (what === 'wipe') await this.#wipe();
    else await this.#compare('meanwhile');
  }

  #later(task: Promise<unknown>): void {
    const pending = task.finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }

  /**
   * Ends a node with entries that it took and did not finish. Its lease, and what it delivers, end by themselves. Not while data is
   * lost: what only this node knows would be lost for ever.
   */
  async #crash(at: number): Promise<void> {
    if (this.#isLost) return;
    const node = this.#nodes[at]!;
    this.#told.add((await node.outbox?.take('one', 3).catch(() => [])) ?? []);
    node.crash();
    this.#nodes[at] = await this.#start();
  }

  /**
   * Redis loses everything. What was not delivered is lost with it, and so is what a node wrote and has no answer for: all is
   * delivered and answered before.
   */
  async #wipe(): Promise<void> {
    await this.#compare('before data is lost');
    await this.#untilWritten();
    const wiped = this.#executor.flushall();
    this.#instructions.wiped(Date.now());
    await wiped;
    this.#quietBeats.clear();
    this.#isLost = true;
  }

  /** Without faults, what was told comes to be what the clients of the nodes did. */
  async #compare(when: string): Promise<void> {
    this.#hasFaults = false;
    await Promise.all(this.#pending);
    let found: string[] = [];
    const isEqual = async (): Promise<boolean> => {
      await this.#receive();
      found = this.#told.present;
      return found.join() === this.#expected().join();
    };
    await eventually(isEqual, 'it is told', SETTLE_LIMIT_MS).catch(() =>
      this.#violations.push(`${when}: told are [${found.join()}], there are [${this.#expected().join()}]`),
    );
    // What was told before data was lost is equal at once.
    if (this.#isLost) await this.#untilWritten();
    this.#isLost = false;
    this.#hasFaults = true;
  }

  /** Resolves when every node has written its part, and has the answer. */
  async #untilWritten(): Promise<void> {
    this.#hasFaults = false;
    const isQuiet = (): boolean =>
      this.#nodes.every(({ options }) => (this.#quietBeats.get(options.name) ?? 0) > 2 * PARTITIONS);
    await eventually(isQuiet, 'every node knows what Redis has', SETTLE_LIMIT_MS);
    this.#hasFaults = true;
  }

  /** Lists what there is by the clients alone; of a signed-in user's channel, the user is all that is told. */
  #expected(): string[] {
    const subjects = CHANNELS.flatMap((channel) =>
      this.#nodes.flatMap((node) => {
        const { sockets, users } = node.expected(channel);
        const members = users.map((user) => subjectOf(channel, user));
        return sockets > 0 && !channel.startsWith('#') ? [subjectOf(channel), ...members] : members;
      }),
    );
    return [...new Set(subjects)].sort();
  }

  /** Takes and finishes what there is; what could not be finished is tried again with the next call. */
  async #receive(): Promise<void> {
    for (const { outbox } of this.#nodes) {
      const entries = (await outbox?.take('one', 100).catch(() => [])) ?? [];
      this.#told.add(entries);
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
