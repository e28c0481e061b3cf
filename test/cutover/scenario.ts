import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { APP, APP_VARIABLES } from '../support/app.ts';
import type { Side } from '../../src/cutover/sides.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { http, publisher, type Answer, type Endpoint } from '../support/wire-http.ts';
import { eventually, type Address } from '../support/wire.ts';
import { PusherJsBrowser, EVENT, EQUAL_EVENT, WAVEHALL_ACTIVITY_TIMEOUT_S } from './pusher-js-browser.ts';
import { check, type CheckOptions, type Verdict } from '../support/delivery/delivery-checker.ts';
import { contentOf, type DeliveryLog } from '../support/delivery/delivery-log.ts';
import { DeliveryScenario, reportedRoster, type EventBody } from '../support/delivery/delivery-scenario.ts';
import { type UpstreamServer, type UpstreamKind } from './upstream.ts';
import { sleep } from '../../src/core/util/time.ts';

const TOKEN = 'token-of-the-walk';

export interface CutoverScenarioOptions {
  readonly browsers: number;
  /** Number of channels of each type: public, private and presence. */
  readonly channels?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Several nodes of Wavehall share a Redis; browsers and publishers are spread over them. */
  readonly nodes?: number;
}

/** Both servers, a front door with browsers, and constant load from publishers and client events. */
export class CutoverScenario extends DeliveryScenario {
  readonly upstream: UpstreamServer;
  readonly browsers: PusherJsBrowser[] = [];
  readonly #env: Readonly<Record<string, string>>;
  readonly #channels: readonly string[];
  #folder = '';
  readonly #servers: TestServer[];
  readonly #redis: TestRedis | undefined;
  #publishers = 0;

  private constructor(
    upstream: UpstreamServer,
    servers: TestServer[],
    redis: TestRedis | undefined,
    { channels = 4, env = {} }: CutoverScenarioOptions,
  ) {
    super(7);
    this.upstream = upstream;
    this.#servers = servers;
    this.#redis = redis;
    this.#env = env;
    this.#channels = ['', 'private-', 'presence-'].flatMap((kind) =>
      Array.from({ length: channels }, (_, at) => `${kind}walk-${at}`),
    );
  }

  static async open(kind: UpstreamKind, options: CutoverScenarioOptions): Promise<CutoverScenario> {
    const upstream = await kind.start();
    const { nodes = 1, env = {} } = options;
    const redis = nodes > 1 ? await startRedis() : undefined;
    const shared = redis && {
      REVERB_SCALING_ENABLED: 'true',
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: String(redis.port),
    };
    const folder = mkdtempSync(join(tmpdir(), 'wavehall-walk-'));
    const settings = { WAVEHALL_CUTOVER_STATE_FILE: join(folder, 'state.json'), ...shared, ...env };
    const starting = Array.from({ length: nodes }, () => startWavehall(upstream, settings));
    const scenario = new CutoverScenario(upstream, await Promise.all(starting), redis, {
      ...options,
      env: settings,
    });
    scenario.#folder = folder;
    await scenario.#addBrowsers(options.browsers);
    return scenario;
  }

  /** The first node. */
  get server(): TestServer {
    return this.#node(0);
  }

  /** Address of a node's front door. */
  frontDoor(node = 0): Address {
    return { host: '127.0.0.1', port: this.#node(node).port };
  }

  /** The app on one side, for publishers. */
  app(side: Side, node = 0): Endpoint {
    return side === 'upstream' ? this.upstream.app : { ...APP, ...this.frontDoor(node), prefix: '' };
  }

  // --- admin API ------------------------------------------------------------------------------

  admin(method: string, path: string, body?: unknown): Promise<Answer> {
    return http(this.frontDoor(), {
      method,
      path: `/admin${path}`,
      headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  async set(percent: number, move = true): Promise<void> {
    const answer = await this.admin('PUT', '/cutover', { percent, move });
    if (answer.status !== 200) throw new Error(`set ${percent}: ${answer.status} ${answer.text}`);
  }

  async status(): Promise<Record<string, unknown>> {
    return (await this.admin('GET', '/cutover')).json as Record<string, unknown>;
  }

  /** Waits until each browser is on the side of its bucket, and subscribed to all its channels. */
  async waitUntilPlaced(percent: number, limitMs = 20_000): Promise<void> {
    const misplaced = (): PusherJsBrowser[] =>
      this.browsers.filter(
        (each) =>
          !each.isSettled || each.side !== (belongsToWavehall(each, percent) ? 'wavehall' : 'upstream'),
      );
    await eventually(
      () => misplaced().length === 0,
      () => `at ${percent} %: ${describe(misplaced())}`,
      limitMs,
    );
  }

  /** Waits until each browser is connected, and subscribed to all its channels. */
  async waitUntilSettled(limitMs = 20_000): Promise<void> {
    const unsettled = (): PusherJsBrowser[] => this.browsers.filter(({ isSettled }) => !isSettled);
    await eventually(
      () => unsettled().length === 0,
      () => `all browsers are connected and subscribed: ${describe(unsettled())}`,
      limitMs,
    );
  }

  count(side: Side): number {
    return this.browsers.filter((each) => each.side === side).length;
  }

  // --- load -----------------------------------------------------------------------------------

  /** Starts publishers on both sides, each with one request after another, and client events of browsers. */
  startLoad({ publishers = 2, everyMs = 60, clientEventEveryMs = 50 } = {}): void {
    for (const at of ['wavehall', 'upstream'] as const)
      for (let count = 0; count < publishers; count += 1) this.#publishAt(at, everyMs);
    this.#sendClientEvents(clientEventEveryMs);
  }

  /**
   * Publishes `count` equal events on each side at the same time. Resolves with the distinct numbers of events that the
   * subscribed browsers have received: with one number when all have received equally many.
   */
  async publishEqualEvents(channel: string, count: number): Promise<number[]> {
    const subscribed = this.browsers.filter((each) => each.isOn(channel));
    for (const { equalEvents } of subscribed) equalEvents.delete(channel);
    const received = (): number[] => [
      ...new Set(subscribed.map(({ equalEvents }) => equalEvents.get(channel) ?? 0)),
    ];
    const publishing = (['wavehall', 'upstream'] as const).map(async (side) => {
      for (let sent = 0; sent < count; sent += 1)
        await publisher(this.app(side)).post('/events', {
          name: EQUAL_EVENT,
          data: '{"equal":true}',
          channel,
        });
    });
    await Promise.all(publishing);
    await eventually(
      () => Math.min(...received()) >= 2 * count,
      () => `all equal events are received on ${channel}: ${received().join()}`,
      10_000,
    );
    // Time for second copies to arrive.
    await sleep(500);
    return received();
  }

  async restartWavehall(): Promise<void> {
    this.#servers[0] = await startWavehall(this.upstream, {
      ...this.#env,
      REVERB_SERVER_PORT: String(this.server.port),
    });
  }

  // --- verdict --------------------------------------------------------------------------------

  /** Waits until every event has arrived and all rosters agree, or until the limit; then checks the log. */
  async verdict(options: CheckOptions = {}, limitMs = 10_000): Promise<Verdict> {
    let verdict: Verdict | undefined;
    const isGood = async (): Promise<boolean> => {
      await this.#readRosters();
      verdict = check(this.log, options);
      return verdict.counts.lost + verdict.counts.rosters === 0;
    };
    await eventually(isGood, 'every event has arrived', limitMs).catch(() => undefined);
    if (verdict === undefined) throw new Error('nothing was compared');
    return verdict;
  }

  async close(): Promise<void> {
    await this.stopBackground();
    for (const browser of this.browsers) browser.leave();
    for (const server of this.#servers) server.kill('SIGKILL');
    await Promise.all([...this.#servers.map(({ exited }) => exited), this.upstream.stop()]);
    await this.#redis?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  // --- internals ------------------------------------------------------------------------------

  #node(at: number): TestServer {
    const server = this.#servers[at % this.#servers.length];
    if (server === undefined) throw new Error('no node');
    return server;
  }

  async #addBrowsers(count: number): Promise<void> {
    for (let at = 0; at < count; at += 1) {
      // Every fourth user has two windows.
      const user = `u${at % Math.max(1, Math.ceil(count * 0.8))}`;
      const browser = new PusherJsBrowser({
        name: `b${at}`,
        user,
        frontDoor: () => this.frontDoor(at),
        log: this.log,
        nowMs: this.nowMs,
      });
      this.browsers.push(browser);
      browser.subscribe(this.#channelsOf(user, at));
      if (at % 20 === 19)
        await eventually(() => this.browsers.every(({ isSettled }) => isSettled), 'twenty more', 15_000);
    }
    await this.waitUntilSettled();
  }

  /** One channel of each type; all windows of a user have the same presence channel. */
  #channelsOf(user: string, at: number): string[] {
    const each = this.#channels.length / 3;
    const presence = Number(user.slice(1)) % each;
    return [at % each, each + ((at + 1) % each), 2 * each + presence].map(
      (index) => this.#channels[index] ?? '',
    );
  }

  #publishAt(at: Side, everyMs: number): void {
    const node = (this.#publishers += 1);
    const sender = `publisher ${node}`;
    this.background(async () => {
      const channel = this.pick(this.#channels);
      // A publisher at the upstream can exclude only sockets of the upstream.
      const excludable = this.browsers.filter(
        (each) => each.isOn(channel) && (at === 'wavehall' || each.side === at),
      );
      const except = this.random.is(0.3) ? this.random.pick(excludable)?.socketId : undefined;
      const sent = this.sending({ channel, server: at, sender, except }, (number) =>
        contentOf(number, channel),
      );
      await this.post(sent, EVENT, (body) => this.#statusOf(this.app(at, node), body));
      await sleep(everyMs);
    });
  }

  async #statusOf(app: Endpoint, body: EventBody): Promise<number> {
    const answer = await publisher(app)
      .post('/events', body)
      .catch(() => undefined);
    return answer?.status ?? 0;
  }

  #sendClientEvents(everyMs: number): void {
    this.background(async () => {
      this.#sendClientEvent(this.pick(this.browsers));
      await sleep(everyMs);
    });
  }

  #sendClientEvent(browser: PusherJsBrowser): void {
    const { side: at, name, user, socketId: except } = browser;
    const channel = this.random.pick(
      this.#channels.filter((each) => each.includes('-walk') && browser.isOn(each)),
    );
    if (at === undefined || channel === undefined) return;
    const sent = this.sending(
      {
        ...{ kind: 'clientEvent', channel, server: at, sender: `client events of ${name}`, except },
        ...(channel.startsWith('presence-') && { user }),
      },
      (number) => contentOf(number, channel),
    );
    sent.status = browser.sendClientEvent(channel, sent.number) ? 200 : 0;
    sent.endedMs = this.nowMs();
  }

  async #readRosters(): Promise<void> {
    this.log.rosters.length = 0;
    for (const side of ['wavehall', 'upstream'] as const)
      for (const channel of this.#channels.filter((each) => each.startsWith('presence-')))
        this.log.rosters.push(await reportedRoster(side, this.app(side), channel));
  }
}

const startWavehall = (
  upstream: UpstreamServer,
  env: Readonly<Record<string, string>>,
): Promise<TestServer> =>
  startServer({
    ...APP_VARIABLES,
    REVERB_APP_ACTIVITY_TIMEOUT: String(WAVEHALL_ACTIVITY_TIMEOUT_S),
    WAVEHALL_MAX_CLIENT_EVENTS_PER_SECOND: '0',
    WAVEHALL_CUTOVER_UPSTREAM: upstream.url,
    WAVEHALL_ADMIN_TOKEN: TOKEN,
    ...env,
  });

const belongsToWavehall = ({ bucket = -1 }: PusherJsBrowser, percent: number): boolean =>
  bucket >= 0 && bucket < percent * 100;

const describe = (browsers: readonly PusherJsBrowser[]): string =>
  `${browsers.length} browsers are not, e.g. ${browsers
    .slice(0, 5)
    .map(
      ({ name, side, bucket, isSettled, endings }) =>
        `${name} ${side ?? 'nowhere'} ${bucket ?? 'none'} ${isSettled} ${endings.join()}`,
    )
    .join('; ')}`;

/** p50 and p99 of the time from sending to receiving, by kind of event and by the sides of sender and receiver. */
export const latencies = ({ sent, subscriptions }: DeliveryLog): Record<string, string> => {
  const began = new Map(sent.map((each) => [each.number, each]));
  const times = new Map<string, number[]>();
  for (const { server, received } of subscriptions)
    for (const { number, atMs } of received) {
      const from = began.get(number);
      if (from === undefined) continue;
      const key = `${from.kind} ${from.server} → ${server}`;
      const list = times.get(key) ?? [];
      times.set(key, list);
      list.push(atMs - from.beganMs);
    }
  return Object.fromEntries(
    [...times].sort().map(([key, list]) => {
      list.sort((a, b) => a - b);
      const at = (share: number): string => (list[Math.floor((list.length - 1) * share)] ?? 0).toFixed(1);
      return [key, `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms (${list.length})`];
    }),
  );
};
