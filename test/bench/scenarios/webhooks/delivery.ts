/** Cost of a delivery: many webhooks wait while the receiver asks for a pause, then all of them are sent. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { eventually } from '../../../support/wire.ts';
import type { Bench } from '../../bench.ts';
import { cpuUs, endpointOf, LightClient } from '../../cluster/bench-cluster.ts';
import { type Contestant, isRunning } from '../../contestants.ts';
import type { Row } from '../../figures.ts';
import { pin } from '../../machine.ts';
import { interleave, type MeasuredServer } from '../../rounds.ts';
import { rowsOf, type TurnResult } from '../../rows.ts';
import type { Mailbox, Receiver } from './receiver.ts';
import { type SendingServer, type Variant, withServers } from './servers.ts';

const WEBHOOKS = 4000;
/** Channels to which a client has subscribed in a second, also over Redis. */
const SUBSCRIBED_PER_SECOND = 1500;

const pauseSeconds = (count: number): number => Math.ceil(count / SUBSCRIBED_PER_SECOND);
const BARE = new URL('../../servers/bare-posts.mjs', import.meta.url).pathname;
const ONE_BY_ONE = { REVERB_WEBHOOK_DISCONNECT_SMOOTHING_MS: '0' };
const BATCHED = { ...ONE_BY_ONE, REVERB_WEBHOOK_BATCHING_ENABLED: 'true' };

const VARIANTS: readonly Variant[] = [
  { name: 'Wavehall', role: 'wavehall', isOverRedis: false, hasEndpoint: true, variables: ONE_BY_ONE },
  { name: 'in batches', role: 'other', isOverRedis: false, hasEndpoint: true, variables: BATCHED },
  { name: 'over Redis', role: 'other', isOverRedis: true, hasEndpoint: true, variables: ONE_BY_ONE },
  { name: 'over Redis, in batches', role: 'other', isOverRedis: true, hasEndpoint: true, variables: BATCHED },
];

export async function delivery(bench: Bench, receiver: Receiver): Promise<Row[]> {
  const count = bench.scaled(WEBHOOKS);
  const floor = await BarePosts.start(bench, receiver.mailbox());
  try {
    return await withServers(bench, receiver, VARIANTS, async (servers) => {
      const measured: readonly (BarePosts | SendingServer)[] = [floor, ...servers];
      let turns = 0;
      const results = await interleave<BarePosts | SendingServer, TurnResult>(bench, measured, (server) =>
        server instanceof BarePosts ? server.turn(count) : turn(bench, server, count, (turns += 1)),
      );
      return rowsOf(
        { scenario: 'webhooks', figure: `${count} webhooks that wait`, unit: 'us/webhook' },
        results,
      );
    });
  } finally {
    await floor.close();
  }
}

async function turn(
  bench: Bench,
  { contestant, mailbox }: SendingServer,
  count: number,
  turns: number,
): Promise<TurnResult | undefined> {
  const channels = Array.from({ length: count }, (_, at) => `waits.${turns}.${at}`);
  const [first, rest] = [channels.slice(0, 1), channels.slice(1)];
  const clients = [first, rest].map((each) => new LightClient('user', contestant.endpoint, each));
  const { events, refused } = mailbox;
  mailbox.pause(pauseSeconds(count));
  await clients[0]?.subscribe();
  await eventually(() => mailbox.refused > refused, 'the first webhook is refused');
  await clients[1]?.subscribe();
  const result = await measure(bench, contestant, mailbox, { events, count });
  for (const client of clients) client.close();
  await mailbox.arrived(events, 2 * count);
  return result;
}

/** The pause ends by itself, and begins no measurement that has not all webhooks. */
async function measure(
  bench: Bench,
  { name, pid }: Contestant,
  mailbox: Mailbox,
  { events, count }: { readonly events: number; readonly count: number },
): Promise<TurnResult | undefined> {
  const [beforeUs, { requests }] = [cpuUs(pid), mailbox];
  if (!mailbox.isPaused) {
    bench.leaveOut(`a round of ${name}`, `not all channels were subscribed in ${pauseSeconds(count)} s`);
    return undefined;
  }
  await mailbox.arrived(events, count);
  return {
    value: (cpuUs(pid) - beforeUs) / count,
    more: { 'webhooks/s': count / mailbox.seconds, 'in a request': count / (mailbox.requests - requests) },
  };
}

/** The floor: undici alone, which posts the same body as often. */
class BarePosts implements MeasuredServer {
  readonly contestant: Contestant;
  readonly sockets = 0;
  readonly #mailbox: Mailbox;
  readonly #child: ChildProcess;
  readonly #lines: Interface;

  private constructor(mailbox: Mailbox, child: ChildProcess, lines: Interface) {
    const pid = child.pid ?? 0;
    this.#mailbox = mailbox;
    this.#child = child;
    this.#lines = lines;
    this.contestant = {
      ...{ name: 'undici alone', role: 'floor', endpoint: endpointOf({ port: 0 }), pid, maxSockets: 0 },
      collectsGarbage: false,
      isAlive: () => isRunning(pid),
      close: () => this.close(),
    };
  }

  static async start(bench: Bench, mailbox: Mailbox): Promise<BarePosts> {
    const child = spawn(process.execPath, [BARE], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface(child.stdout);
    await once(lines, 'line');
    pin(child.pid ?? 0, bench.setting.pinning.server);
    return new BarePosts(mailbox, child, lines);
  }

  async turn(count: number): Promise<TurnResult> {
    const { pid } = this.contestant;
    const [beforeUs, beganMs] = [cpuUs(pid), performance.now()];
    this.#child.stdin?.write(`${this.#mailbox.url} ${count}\n`);
    await once(this.#lines, 'line');
    const seconds = (performance.now() - beganMs) / 1000;
    return { value: (cpuUs(pid) - beforeUs) / count, more: { 'webhooks/s': count / seconds } };
  }

  async close(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill();
    await exited;
  }
}
