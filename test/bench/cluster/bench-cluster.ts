import { readdirSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { Redis } from 'ioredis';
import WebSocket from 'ws';
import { APP, APP_VARIABLES } from '../../support/app.ts';
import { type TestRedis, startRedis } from '../../support/redis.ts';
import { type TestServer, startServer } from '../../support/server.ts';
import { channelAuth, type Endpoint } from '../../support/wire-http.ts';
import { type Frame, dataOf } from '../../support/wire.ts';

/** One line of the table. `goal`: the required value, if any. */
export interface Figure {
  readonly name: string;
  readonly value: number | undefined;
  readonly unit: string;
  readonly goal?: string;
  /** Other values that were measured with it. */
  readonly more?: Readonly<Record<string, number | undefined>>;
}

/** Returns the quantile at `share`; `undefined` if there are no values. */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}

/** CPU time of all threads of a process, in microseconds. */
export function cpuUs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const ns = threads.map((id) =>
    Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ')[0]),
  );
  return ns.reduce((total, each) => total + each, 0) / 1000;
}

const SETTINGS = {
  ...APP_VARIABLES,
  REDIS_HOST: '127.0.0.1',
  WAVEHALL_MAX_SUBSCRIPTIONS: '0',
  WAVEHALL_MAX_MESSAGES_PER_SECOND: '0',
  WAVEHALL_MAX_CLIENT_EVENTS_PER_SECOND: '0',
};

export const endpointOf = ({ port }: { readonly port: number }): Endpoint => ({
  ...APP,
  host: '127.0.0.1',
  port,
  prefix: '',
});

/** A Redis and real nodes, started as in production: built, and connected to Redis directly. */
export class BenchCluster {
  readonly redis: TestRedis;
  readonly nodes: readonly TestServer[];

  private constructor(redis: TestRedis, nodes: readonly TestServer[]) {
    this.redis = redis;
    this.nodes = nodes;
  }

  static async open(
    nodes: number,
    env: Readonly<Record<string, string>> = {},
    redisArgs: readonly string[] = [],
  ): Promise<BenchCluster> {
    const redis = await startRedis(redisArgs);
    const settings = { ...SETTINGS, REVERB_SCALING_ENABLED: 'true', REDIS_PORT: `${redis.port}`, ...env };
    const started = Array.from({ length: nodes }, () => startServer(settings));
    const all = await Promise.allSettled(started);
    const cluster = new BenchCluster(
      redis,
      all.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])),
    );
    const failed = all.find((each) => each.status === 'rejected');
    if (failed === undefined) return cluster;
    await cluster.close();
    throw failed.reason;
  }

  endpoint(index: number): Endpoint {
    return endpointOf(this.nodes[index] ?? { port: 0 });
  }

  /** Runs a task with a Redis client of its own. */
  async withRedis<T>(task: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.redis.port, '127.0.0.1');
    try {
      return await task(redis);
    } finally {
      redis.disconnect();
    }
  }

  async redisPid(): Promise<number> {
    return Number(/process_id:(\d+)/.exec(await this.withRedis((redis) => redis.info('server')))?.[1]);
  }

  async close(): Promise<void> {
    for (const node of this.nodes) node.kill('SIGKILL');
    await Promise.all(this.nodes.map((node) => node.exited));
    await this.redis.close();
  }
}

/** Starts one node without Redis. */
export const startSingleNode = (env: Readonly<Record<string, string>> = {}): Promise<TestServer> =>
  startServer({ ...SETTINGS, ...env });

/** Delays of pusher-js before it reconnects: after a closed connection, and after a failed upgrade. */
const RECONNECT_MS = 1000;
const RETRY_UPGRADE_MS = 15_000;

/** A lightweight client that behaves like pusher-js: it reconnects to the same address and subscribes to its channels again. */
export class LightClient {
  readonly user: string;
  readonly channels: readonly string[];
  /** Receives every frame after the connection is established. */
  onFrame: (frame: Frame, text: string) => void = () => undefined;
  /** Time at which it was subscribed to all its channels; `undefined` while it is not. */
  subscribedSinceMs: number | undefined;
  reconnects = true;
  readonly #address: Endpoint;
  readonly #subscribed = new Set<string>();
  #socket: WebSocket | undefined;
  #waiting: (() => void)[] = [];

  constructor(user: string, address: Endpoint, channels: readonly string[]) {
    this.user = user;
    this.#address = address;
    this.channels = channels;
  }

  /** Connects; resolves when it is subscribed to all its channels. */
  subscribe(): Promise<void> {
    this.#connect();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  send(text: string): void {
    this.#socket?.send(text);
  }

  /** Sends all texts in one write, so that the server may read them together. */
  sendTogether(texts: readonly string[]): void {
    const stream = (this.#socket as unknown as { readonly _socket?: Socket } | undefined)?._socket;
    stream?.cork();
    for (const text of texts) this.send(text);
    stream?.uncork();
  }

  close(): void {
    this.reconnects = false;
    this.#socket?.terminate();
  }

  #connect(): void {
    const { host, port, key } = this.#address;
    const path = `/app/${key}?protocol=7&client=js&version=8.6.0&flash=false`;
    const socket = new WebSocket(`ws://${host}:${port}${path}`, { perMessageDeflate: false });
    let isOpen = false;
    this.#socket = socket;
    socket.on('open', () => (isOpen = true));
    socket.on('error', () => undefined);
    socket.on('message', (bytes: Buffer) => this.#receive(bytes.toString()));
    socket.on('close', () => {
      this.subscribedSinceMs = undefined;
      this.#subscribed.clear();
      if (this.reconnects)
        setTimeout(() => this.reconnects && this.#connect(), isOpen ? RECONNECT_MS : RETRY_UPGRADE_MS);
    });
  }

  #receive(text: string): void {
    const frame = JSON.parse(text) as Frame;
    if (frame.event === 'pusher:connection_established')
      this.#subscribe((dataOf(frame) as { socket_id: string }).socket_id);
    else this.onFrame(frame, text);
    if (frame.event !== 'pusher_internal:subscription_succeeded') return;
    this.#subscribed.add(frame.channel as string);
    if (this.#subscribed.size < this.channels.length) return;
    this.subscribedSinceMs = performance.now();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #subscribe(socketId: string): void {
    const channelData = JSON.stringify({ user_id: this.user, user_info: { name: this.user } });
    for (const channel of this.channels) {
      const isPresence = channel.startsWith('presence-');
      const signed = isPresence ? channelData : undefined;
      const auth = /^(private|presence)-/.test(channel) && channelAuth(APP, socketId, channel, signed);
      const data = { channel, ...(auth && { auth }), ...(isPresence && { channel_data: channelData }) };
      this.send(JSON.stringify({ event: 'pusher:subscribe', data }));
    }
  }
}

/** Subscribes all clients, `atATime` together. */
export async function subscribeAll(clients: readonly LightClient[], atATime = 100): Promise<void> {
  for (let at = 0; at < clients.length; at += atATime)
    await Promise.all(clients.slice(at, at + atATime).map((client) => client.subscribe()));
}
