/** A storm of reconnecting clients in front of a real Laravel, with and without the auth gateway. */
import type { Channel } from 'pusher-js';
import { optionsFor, Pusher } from '../../clients/stock-clients.ts';
import { APP, APP_VARIABLES } from '../../support/app.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { eventually } from '../../support/wire.ts';
import { php } from '../php.ts';
import { AuthApp } from './laravel-app.ts';

const SUBSCRIBED_MS = 300_000;

export interface StormOptions {
  readonly clients: number;
  /** Private channels of each. */
  readonly channels: number;
  readonly hasGateway: boolean;
}

export interface StormResult {
  /** Questions that reached Laravel. */
  readonly questions: number;
  /** Time until all were subscribed, or refused. */
  readonly seconds: number;
  /** Subscriptions that ended with an error, which pusher-js does not try again. */
  readonly failed: number;
}

/** One user with a bearer token and stock pusher-js. */
class StormClient {
  readonly pusher: Pusher;
  subscribed = 0;
  failed = 0;

  constructor(user: number, server: TestServer, endpoint: string, channels: number) {
    this.pusher = new Pusher(APP.key, {
      ...optionsFor(server),
      channelAuthorization: {
        transport: 'ajax',
        endpoint,
        headers: { Authorization: `Bearer token-of-${user}` },
      },
    });
    for (let at = 0; at < channels; at += 1)
      this.#follow(this.pusher.subscribe(`private-many.${user}.${at}`));
  }

  /** Counts from 0 again. */
  reset(): void {
    this.subscribed = this.failed = 0;
  }

  #follow(channel: Channel): void {
    channel.bind('pusher:subscription_succeeded', () => (this.subscribed += 1));
    channel.bind('pusher:subscription_error', () => (this.failed += 1));
  }
}

/** A site whose clients can be made to reconnect all at once. */
export class Storm {
  readonly app: AuthApp;
  readonly #options: StormOptions;
  readonly #redis: TestRedis;
  #server: TestServer;
  #clients: StormClient[] = [];

  private constructor(options: StormOptions, app: AuthApp, redis: TestRedis, server: TestServer) {
    this.#options = options;
    this.app = app;
    this.#redis = redis;
    this.#server = server;
  }

  static async start(options: StormOptions): Promise<Storm> {
    const app = await AuthApp.start();
    await php(
      app.folder,
      `collect(range(1, ${options.clients}))->each(fn ($at) => App\\Models\\User::firstOrCreate(['name' => "user $at"], ['color' => '#000']))->count();`,
    );
    const redis = await startRedis();
    const server = await startServer(Storm.#variables(app, redis, options));
    return new Storm(options, app, redis, server);
  }

  static #variables(
    app: AuthApp,
    redis: TestRedis,
    { hasGateway, clients, channels }: StormOptions,
  ): Record<string, string> {
    return {
      ...APP_VARIABLES,
      ...(hasGateway && app.variables),
      ...{ REVERB_SCALING_ENABLED: 'true', REDIS_URL: redis.url, WAVEHALL_AUTH_TTL: '3600' },
      // All come from one address.
      ...{ WAVEHALL_AUTH_MAX_WAITING_PER_ADDRESS: '0', WAVEHALL_AUTH_MAX_WAITING: `${clients * channels}` },
      ...{ WAVEHALL_AUTH_CONCURRENCY: '4', WAVEHALL_AUTH_WAIT: '60' },
    };
  }

  /** Connects all clients for the first time. */
  connect(): Promise<StormResult> {
    const { clients, channels, hasGateway } = this.#options;
    const origin = hasGateway ? `http://127.0.0.1:${this.#server.port}` : this.app.url;
    const endpoint = `${origin}/api/broadcasting/auth`;
    return this.#measure(() => {
      this.#clients = Array.from(
        { length: clients },
        (_, at) => new StormClient(at + 1, this.#server, endpoint, channels),
      );
      return Promise.resolve();
    });
  }

  /** All clients lose their connections at the same time, and connect again at once, as after a deploy. */
  reconnect(): Promise<StormResult> {
    return this.#measure(() => {
      for (const client of this.#clients) client.reset();
      for (const { pusher } of this.#clients) pusher.disconnect();
      for (const { pusher } of this.#clients) pusher.connect();
      return Promise.resolve();
    });
  }

  /** Ends the server as a crash would, and starts it again at its port. pusher-js waits for 15 s where nothing answers. */
  crash(): Promise<StormResult> {
    return this.#measure(async () => {
      for (const client of this.#clients) client.reset();
      const { port } = this.#server;
      this.#server.kill('SIGKILL');
      await this.#server.exited;
      const variables = Storm.#variables(this.app, this.#redis, this.#options);
      this.#server = await startServer({ ...variables, REVERB_SERVER_PORT: String(port) });
    });
  }

  async close(): Promise<void> {
    for (const { pusher } of this.#clients) pusher.disconnect();
    await this.#server.close();
    await this.#redis.close();
    await this.app.close();
  }

  async #measure(begin: () => Promise<void>): Promise<StormResult> {
    await this.app.takeQuestions();
    const beganMs = performance.now();
    await begin();
    const sum = (of: (client: StormClient) => number): number =>
      this.#clients.reduce((total, client) => total + of(client), 0);
    const wanted = this.#options.clients * this.#options.channels;
    const ended = (): number => sum(({ subscribed, failed }) => subscribed + failed);
    await eventually(
      () => ended() >= wanted,
      () => `${ended()} of ${wanted} subscriptions ended`,
      SUBSCRIBED_MS,
    );
    const seconds = (performance.now() - beganMs) / 1000;
    return {
      questions: (await this.app.takeQuestions()).length,
      seconds,
      failed: sum(({ failed }) => failed),
    };
  }
}
