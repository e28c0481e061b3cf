/** A storm of reconnecting clients in front of a real Laravel, with and without the auth gateway. */
import type { Channel } from 'pusher-js';
import { optionsFor, Pusher } from '../../clients/stock-clients.ts';
import { APP, APP_VARIABLES } from '../../support/app.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { eventually } from '../../support/wire.ts';
import { php } from '../php.ts';
import { FaultyLaravel } from './faulty-laravel.ts';
import { AuthApp } from './laravel-app.ts';

const SUBSCRIBED_MS = 300_000;
/** Requests that Laravel gets at once. */
export const CONCURRENCY = 4;
const ADMIN_TOKEN = 'the-token-of-the-tests-long-enough';
/** Clients that come for the first time at once. */
const GROUP = 50;

export interface StormOptions {
  readonly clients: number;
  /** Private channels of each. */
  readonly channels: number;
  readonly hasGateway: boolean;
  /** `WAVEHALL_AUTH_TIMEOUT` and `WAVEHALL_AUTH_WAIT`. */
  readonly timeoutSeconds?: number;
  readonly waitSeconds?: number;
}

export interface StormResult {
  /** Questions that reached Laravel. */
  readonly questions: number;
  /** Time until all were subscribed, or refused. */
  readonly seconds: number;
  /** Subscriptions that ended with an error, which pusher-js does not try again. */
  readonly failed: number;
  /** Most requests that Laravel had at once. */
  readonly mostAtOnce: number;
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
        headers: { Authorization: `Bearer ${tokenOf(user)}` },
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

/** Parts that stay while the server is replaced. */
interface Site {
  readonly app: AuthApp;
  /** In front of it. */
  readonly laravel: FaultyLaravel;
  readonly redis: TestRedis;
}

/** Token by which Laravel knows a user. */
const tokenOf = (user: number): string => `token-of-${user}`;

/** A site whose clients can be made to reconnect all at once. */
export class Storm {
  readonly #site: Site;
  readonly #options: StormOptions;
  #server: TestServer;
  #clients: StormClient[] = [];

  private constructor(options: StormOptions, site: Site, server: TestServer) {
    this.#options = options;
    this.#site = site;
    this.#server = server;
  }

  static async start(options: StormOptions): Promise<Storm> {
    const app = await AuthApp.start();
    await php(
      app.folder,
      `collect(range(1, ${options.clients}))->each(fn ($at) => App\\Models\\User::firstOrCreate(['name' => "user $at"], ['color' => '#000']))->count();`,
    );
    const site = { app, laravel: await FaultyLaravel.open(app.url), redis: await startRedis() };
    return new Storm(options, site, await startServer(Storm.#variables(site, options)));
  }

  static #variables(
    { app, laravel, redis }: Site,
    { hasGateway, clients, channels, timeoutSeconds = 60, waitSeconds = 60 }: StormOptions,
  ): Record<string, string> {
    return {
      ...APP_VARIABLES,
      WAVEHALL_ADMIN_TOKEN: ADMIN_TOKEN,
      ...(hasGateway && { ...app.variables, WAVEHALL_AUTH_UPSTREAM: laravel.url }),
      ...{ REVERB_SCALING_ENABLED: 'true', REDIS_URL: redis.url, WAVEHALL_AUTH_TTL: '3600' },
      // All come from one address.
      ...{ WAVEHALL_AUTH_MAX_WAITING_PER_ADDRESS: '0', WAVEHALL_AUTH_MAX_WAITING: `${clients * channels}` },
      ...{ WAVEHALL_AUTH_CONCURRENCY: `${CONCURRENCY}`, WAVEHALL_AUTH_WAIT: `${waitSeconds}` },
      WAVEHALL_AUTH_TIMEOUT: `${timeoutSeconds}`,
    };
  }

  get app(): AuthApp {
    return this.#site.app;
  }

  get laravel(): FaultyLaravel {
    return this.#site.laravel;
  }

  /** Connects all clients for the first time, group by group. */
  connect(): Promise<StormResult> {
    const { clients, channels, hasGateway } = this.#options;
    const origin = hasGateway ? `http://127.0.0.1:${this.#server.port}` : this.laravel.url;
    const endpoint = `${origin}/api/broadcasting/auth`;
    return this.#measure(async () => {
      for (let user = 1; user <= clients; user += 1) {
        this.#clients.push(new StormClient(user, this.#server, endpoint, channels));
        if (user % GROUP === 0) await this.#settle();
      }
    });
  }

  /** Ends what the server remembers of the users up to this one. */
  async forget(users: number): Promise<void> {
    for (let user = 1; user <= users; user += 1)
      await fetch(`http://127.0.0.1:${this.#server.port}/admin/auth/forget`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify({ token: tokenOf(user) }),
      });
  }

  /** Users all of whose channels are subscribed. */
  get served(): number[] {
    return this.#clients.flatMap(({ subscribed }, at) =>
      subscribed === this.#options.channels ? [at + 1] : [],
    );
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
      const variables = Storm.#variables(this.#site, this.#options);
      this.#server = await startServer({ ...variables, REVERB_SERVER_PORT: String(port) });
    });
  }

  async close(): Promise<void> {
    for (const { pusher } of this.#clients) pusher.disconnect();
    await this.#server.close();
    this.laravel.close();
    await this.#site.redis.close();
    await this.app.close();
  }

  async #measure(begin: () => Promise<void>): Promise<StormResult> {
    await this.app.takeQuestions();
    this.laravel.mostAtOnce = 0;
    const beganMs = performance.now();
    await begin();
    await this.#settle();
    const seconds = (performance.now() - beganMs) / 1000;
    return {
      questions: (await this.app.takeQuestions()).length,
      seconds,
      failed: this.#sum(({ failed }) => failed),
      mostAtOnce: this.laravel.mostAtOnce,
    };
  }

  /** Resolves when each subscription has succeeded or failed. */
  async #settle(): Promise<void> {
    const wanted = this.#clients.length * this.#options.channels;
    const ended = (): number => this.#sum(({ subscribed, failed }) => subscribed + failed);
    await eventually(
      () => ended() >= wanted,
      () => `${ended()} of ${wanted} subscriptions ended`,
      SUBSCRIBED_MS,
    );
  }

  #sum(of: (client: StormClient) => number): number {
    return this.#clients.reduce((total, client) => total + of(client), 0);
  }
}
