/** Rolling deploys of three nodes behind the HAProxy of examples/deploy, under load (SPEC 2.13, 13.4). */
import { expect, onTestFinished, test } from 'vitest';
import { APP_VARIABLES } from '../support/app.ts';
import { DELAY_SECONDS, type Haproxy, startHaproxy } from '../support/cluster-haproxy.ts';
import { withPrograms } from '../support/programs.ts';
import { startRedis } from '../support/redis.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { eventually } from '../support/wire.ts';
import { NumberedClient } from './numbered-client.ts';
import { NumberedPublisher } from './numbered-publisher.ts';
import { type SequenceCounts, totalOf } from './sequence-checker.ts';

/** `npm run faults -- --deploys 10 --old PATH` sets these; every other deploy is to the old version. */
const DEPLOYS = Number(process.env.RESUME_DEPLOYS ?? 1);
const OLD = process.env.RESUME_OLD_MAIN;
const CLIENTS = Number(process.env.RESUME_CLIENTS ?? 48);
const NODES = 3;
const LIMIT_MS = 120_000 + DEPLOYS * 90_000;
const SETTLE_MS = 60_000;
const ROOM = 'presence-room';
const CHANNELS = ['news', 'private-a', ROOM];
const EVERY_MS = 60;
const MOST_RECONNECTS = 2;
/** Time that a member has to be back (WAVEHALL_DRAIN_PRESENCE_SECONDS), without what its own part of it takes. */
const RETURN_MS = 2900;

/** A node of one version or the other, always on the same port. */
class DeployedNode {
  readonly #env: Record<string, string>;
  #server: TestServer | undefined;
  /** Warnings and errors of all its processes. */
  readonly warnings: string[] = [];

  constructor(env: Record<string, string>) {
    this.#env = env;
  }

  get port(): number {
    return this.#server?.port ?? 0;
  }

  async start(isOld: boolean): Promise<void> {
    const env = { ...this.#env, REVERB_SERVER_PORT: `${this.port}` };
    this.#server = await startServer(env, [], ['start'], isOld && OLD !== undefined ? { main: OLD } : {});
  }

  /** Resolves when it has drained. */
  async stop(): Promise<void> {
    this.#server?.kill();
    expect(await this.#server?.exited).toBe(0);
    this.warnings.push(...(this.#server?.output().match(/^.*"level":[456]0.*$/gm) ?? []));
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }
}

/** Starts the nodes; the last place is free, for the node that is deployed next. */
async function startNodes(): Promise<DeployedNode[]> {
  const redis = await startRedis();
  onTestFinished(() => redis.close());
  const nodes = Array.from({ length: NODES + 1 }, () => {
    return new DeployedNode({
      ...APP_VARIABLES,
      REVERB_SCALING_ENABLED: 'true',
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: `${redis.port}`,
      // A slow machine alone fails no publish.
      WAVEHALL_REDIS_TIMEOUT_MS: '5000',
      WAVEHALL_HISTORY_SIZE: '500',
      WAVEHALL_TRUSTED_PROXIES: '127.0.0.1',
      WAVEHALL_DRAIN_DELAY_SECONDS: DELAY_SECONDS,
      WAVEHALL_DRAIN_SECONDS: '2',
    });
  });
  onTestFinished(() => Promise.all(nodes.map((node) => node.close())).then(() => undefined));
  for (const node of nodes) await node.start(true);
  return nodes;
}

/**
 * Replaces one node after another: a new one serves at a further place before the old one drains, so that the clients move to the
 * node with the fewest connections, the new one. Returns the longest time from SIGTERM until the last client was back.
 */
async function deploy(
  nodes: DeployedNode[],
  haproxy: Haproxy,
  clients: readonly NumberedClient[],
  isOld: boolean,
): Promise<number> {
  let longestMs = 0;
  for (let replaced = 0; replaced < NODES; replaced += 1) {
    const [next, old] = [nodes.pop(), nodes[0]] as [DeployedNode, DeployedNode];
    await next.start(isOld);
    await haproxy.whenUp(next.port);
    const signalledAtMs = performance.now();
    await old.stop();
    await eventually(() => clients.every(({ isSubscribed }) => isSubscribed), 'all are back', SETTLE_MS);
    const lastMs = Math.max(...clients.map(({ connectedAtMs }) => connectedAtMs));
    longestMs = Math.max(longestMs, lastMs - signalledAtMs);
    // The place that is free now is the last one.
    nodes.push(next, old);
    nodes.shift();
  }
  return longestMs;
}

async function openClients(
  haproxy: Haproxy,
  published: NumberedPublisher,
): Promise<readonly NumberedClient[]> {
  const clients = Array.from({ length: CLIENTS }, (_, at) => {
    const promised = at % 2 === 0 ? 'exact' : 'tab';
    const client = new NumberedClient({ name: `${promised}-${at}`, promised, port: haproxy.port, published });
    onTestFinished(() => client.pusher.disconnect());
    client.subscribe(CHANNELS);
    return client;
  });
  await eventually(() => clients.every(({ isSubscribed }) => isSubscribed), 'all are subscribed', SETTLE_MS);
  return clients;
}

const VIOLATIONS = ['lost', 'doubled', 'reordered', 'repeated', 'gaps'] as const;
const violationsOf = (counts: SequenceCounts) =>
  Object.fromEntries(VIOLATIONS.map((key) => [key, counts[key]]));
const NONE = Object.fromEntries(VIOLATIONS.map((key) => [key, 0]));

withPrograms('G16 F07 rolling deploys behind HAProxy', ['haproxy'], () => {
  test(
    '2.13 no publish fails, no event is lost or comes twice, no client reconnects more than twice, no member leaves',
    { timeout: LIMIT_MS },
    async () => {
      const nodes = await startNodes();
      const haproxy = await startHaproxy(nodes.map(({ port }) => port));
      onTestFinished(() => haproxy.close());
      for (const { port } of nodes) await haproxy.whenUp(port);
      await nodes.at(-1)?.stop();
      const publisher = new NumberedPublisher({
        channels: CHANNELS,
        everyMs: EVERY_MS,
        pickPort: () => haproxy.port,
        random: new SeededRandom(1),
      });
      const clients = await openClients(haproxy, publisher);
      const knowsAll = (client: NumberedClient) => client.membersOf(ROOM) === CLIENTS;
      await eventually(() => clients.every(knowsAll), 'each client knows all members', SETTLE_MS);
      publisher.start();
      for (let number = 1; number <= DEPLOYS; number += 1) {
        const before = clients.map(({ reconnects, memberChanges }) => ({ reconnects, memberChanges }));
        const backMs = await deploy(nodes, haproxy, clients, number % 2 === 0);
        const reconnects = clients.map((client, at) => client.reconnects - before[at]!.reconnects);
        const changes = clients.map((client, at) => client.memberChanges - before[at]!.memberChanges);
        const longestAwayMs = Math.max(...clients.map((client) => client.longestAwayMs));
        console.log(
          `deploy ${number}${OLD === undefined ? '' : ' of two versions'}: ${sum(reconnects)} reconnects of ${CLIENTS} clients, ` +
            `at most ${Math.max(...reconnects)} of one; the last was back ${(backMs / 1000).toFixed(1)} s after SIGTERM ` +
            `(delay ${DELAY_SECONDS} s); away for at most ${(longestAwayMs / 1000).toFixed(1)} s; ${sum(changes)} joins and leaves received`,
        );
        expect(Math.max(...reconnects)).toBeLessThanOrEqual(MOST_RECONNECTS);
        expect(sum(reconnects)).toBeGreaterThan(0);
        // A node of an older version does not wait for its members.
        if (OLD === undefined && longestAwayMs < RETURN_MS) expect(sum(changes)).toBe(0);
      }
      await publisher.stop();
      await eventually(
        () => clients.every(({ isUpToDate }) => isUpToDate),
        'all have the last events',
        SETTLE_MS,
      );
      const counts = totalOf(clients.map((client) => client.finish()));
      for (const example of clients.flatMap(({ examples }) => examples).slice(0, 10)) console.log(example);
      console.log(`${publisher.accepted} events published, ${counts.received} received`);
      for (const line of nodes.flatMap(({ warnings }) => warnings).slice(0, 20))
        console.log(line.slice(0, 300));
      expect(Object.fromEntries(publisher.outcomes)).toEqual({ 200: expect.any(Number) });
      expect(violationsOf(counts)).toEqual(NONE);
    },
  );
});

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
