import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { readConfig } from '../../../src/config/index.ts';
import { StaticApps } from '../../../src/apps/static.ts';
import { SubscriptionCounter } from '../../../src/core/channels/subscription-counter.ts';
import type { App } from '../../../src/core/app.ts';
import { FanOut } from '../../../src/core/channels/fan-out/fan-out.ts';
import { Departures } from '../../../src/core/drain/departures.ts';
import { CoreGateway } from '../../../src/core/client/gateway.ts';
import { Hub } from '../../../src/core/channels/hub.ts';
import { Outbound } from '../../../src/core/client/outbound.ts';
import type { Stores } from '../../../src/core/ports/stores.ts';
import { Traffic } from '../../../src/core/traffic/traffic.ts';
import { Users } from '../../../src/core/users.ts';
import { openBridge } from '../../../src/cutover/bridge/index.ts';
import type { BridgeLimits } from '../../../src/cutover/bridge/limits.ts';
import type { Bridge, BridgeState } from '../../../src/cutover/bridge/bridge.ts';
import { registerHttp } from '../../../src/http/plugin.ts';
import { healthChecks } from '../../support/health.ts';
import { RequestCounts } from '../../../src/http/request-counts.ts';
import { openStores } from '../../../src/stores/index.ts';
import { PeerReader } from '../../../src/transports/peer.ts';
import { WebSocketTransport } from '../../../src/transports/websocket.ts';
import { FakeLogger } from '../../core/fakes.ts';
import type { Endpoint } from '../../support/wire-http.ts';
import { Resume } from '../../../src/core/resume/resume.ts';
import { Refusals } from '../../../src/core/refusals/refusals.ts';
import { NodeEvents } from '../../../src/core/webhooks/node-events.ts';

const MESSAGE_BYTES = 1024 * 1024;

export interface BridgedNodeOptions {
  /** URL of the upstream. */
  readonly upstream: string;
  readonly origin?: string;
  readonly limits?: Partial<BridgeLimits>;
  /** Environment variables: apps, Redis. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** One Wavehall node in this process with bridged stores and without a front door. */
export interface BridgedNode {
  readonly app: Endpoint;
  readonly bridge: Bridge;
  readonly stores: Stores;
  readonly logger: FakeLogger;
  readonly state: BridgeState;
  stop(): Promise<void>;
}

export async function openBridgedNode(options: BridgedNodeOptions): Promise<BridgedNode> {
  const config = readConfig({ WAVEHALL_MAX_CLIENT_EVENTS_PER_SECOND: '0', ...options.variables });
  const logger = new FakeLogger();
  logger.debugging = false;
  const bridge = openBridge(
    {
      upstream: { url: new URL(options.upstream), origin: options.origin, tlsVerify: true },
      apps: config.apps,
      logger,
    },
    options.limits,
  );
  const inner = await openStores({ ...config, cutoverStateFile: undefined }, logger);
  const stores = bridge.bridged(inner);
  const core = assemble(config.apps, stores, logger);
  const http = Fastify({ logger: false, forceCloseConnections: true });
  registerHttp(http, {
    ...core,
    api: { ...stores, ...core, idempotency: config },
    requestRate: stores.requestRate,
    requests: new RequestCounts(''),
    addressOf: ({ socket }) => String(socket.remoteAddress),
    logger,
    clock: Date.now,
    health: healthChecks(),
    prefix: '',
    replayGuard: undefined,
  });
  new WebSocketTransport({
    maxLingering: 10,
    lingerMs: 5000,
    unavailableFor: () => undefined,
    gateway: core.gateway,
    refusals: core.refusals,
    peers: new PeerReader([]),
    prefix: '',
    messageBytes: MESSAGE_BYTES,
    fragmentsPerMessage: 100,
  }).attach(http.server);
  stores.nodeCommands.onTerminate((app, user) => core.users.terminate(app, user));
  await stores.broker.start((ref, event) => {
    if (!core.users.handleEvent(ref, event)) core.hub.deliver(ref, event);
  });
  await http.listen({ host: '127.0.0.1', port: 0 });
  bridge.start();
  const [app] = config.apps as [App];
  const [{ key, secret }] = app.credentials;
  const { port } = http.server.address() as AddressInfo;
  return {
    app: { host: '127.0.0.1', port, id: app.id, key, secret, prefix: '' },
    bridge,
    stores,
    logger,
    get state() {
      return bridge.state()[0] as BridgeState;
    },
    async stop() {
      await bridge.stop();
      for (const connection of core.hub.connections()) connection.terminate('drain');
      await http.close();
      await inner.close();
    },
  };
}

function assemble(apps: readonly App[], stores: Stores, logger: FakeLogger) {
  const clock = Date.now;
  const refusals = new Refusals(logger, clock);
  const outbound = new Outbound({ softBytes: MESSAGE_BYTES, hardBytes: 64 * MESSAGE_BYTES }, refusals);
  const traffic = new Traffic();
  const fanOut = new FanOut({ outbound, latency: traffic.latency });
  const hub = new Hub({ ...stores, fanOut, logger, traffic, maxWaitingBytes: 0 });
  const users = new Users({ ...stores, hub, clock });
  const subscriptionCounter = new SubscriptionCounter({ ...stores, logger, clock });
  const provider = new StaticApps(apps);
  const limits = { connections: 0, connectionsPerAddress: 0, delayedRefusals: 0, refusalDelayMs: 0 };
  const tabSettings = { keepMs: 0, afterCut: 'receipt' as const, bytes: 0, tabsPerAddress: 0 };
  const resume = new Resume({ ...stores, hub, outbound, logger, clock, tabSettings, isHistoryPartial: true });
  const gateway = new CoreGateway({
    ...stores,
    resume,
    apps: provider,
    hub,
    users,
    subscriptionCounter,
    departures: new Departures({ hub, logger, returnMs: 0 }),
    nodeEvents: new NodeEvents(undefined),
    logger,
    clock,
    limits,
    outbound,
    refusals,
    traffic,
    errorDataAsString: false,
  });
  return { apps: provider, hub, users, gateway, refusals, traffic };
}
