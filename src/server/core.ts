import { drainTimes } from '../config/clients/drain.ts';
import type { Config } from '../config/index.ts';
import { FanOut } from '../core/channels/fan-out/fan-out.ts';
import { Hub } from '../core/channels/hub.ts';
import { SubscriptionCounter } from '../core/channels/subscription-counter.ts';
import { applyAppChanges } from '../core/client/app-changes.ts';
import { CoreGateway } from '../core/client/gateway.ts';
import { Departures } from '../core/drain/departures.ts';
import { Liveness, type LivenessLimits } from '../core/client/liveness.ts';
import { TokenExpiry } from '../core/client/token-expiry.ts';
import type { ClientTokens } from '../core/ports/apps.ts';
import type { ChannelRef } from '../core/ports/channel-ref.ts';
import { Outbound } from '../core/client/outbound.ts';
import { SocketLimits } from '../core/client/socket-limits.ts';
import type { Apps } from '../core/ports/apps.ts';
import type { Stores } from '../core/ports/stores.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { TokenSignins } from '../core/handlers/token-signin.ts';
import { Resume } from '../core/resume/resume.ts';
import type { TabSettings } from '../core/resume/tabs.ts';
import { Refusals } from '../core/refusals/refusals.ts';
import { Traffic } from '../core/traffic/traffic.ts';
import { Users } from '../core/users.ts';
import { NodeEvents } from '../core/webhooks/node-events.ts';
import { HeapGuard } from '../observability/heap.ts';
import { openTrace } from './live/open-trace.ts';
import type { Trace } from '../core/trace/trace.ts';

const TICK_MS = 1000;

export type ServerCore = ReturnType<typeof assembleCore>;

/** Connects the parts of the core over these stores, and to the one timer that all of them share. */
export function assembleCore(
  config: Config,
  apps: Apps,
  stores: Stores,
  logger: Logger,
  tokens?: ClientTokens,
) {
  const clock = Date.now;
  const traffic = new Traffic();
  const trace = openTrace(config.traceBytes, clock);
  const refusals = new Refusals(logger, clock, traffic.live, trace);
  const heap = new HeapGuard(config.maxHeapPercent, logger);
  const shared = { apps, stores, logger, clock, refusals, traffic, trace };
  const channels = assembleChannels(config, shared);
  const departures = new Departures({
    hub: channels.hub,
    logger,
    returnMs: drainTimes(config).returnMs,
  });
  const expiry = tokens?.closesExpired === true ? new TokenExpiry({ clock, refusals }) : undefined;
  const tokenSignins = tokens && { tokens, expiry };
  const { liveness, tabs, ...clients } = assembleClients(config, {
    ...{ ...shared, ...channels, departures, tokenSignins },
  });
  const { hub, users, subscriptionCounter } = channels;
  apps.onChange((changes) => applyAppChanges(hub, changes));
  let ticker: NodeJS.Timeout | undefined;
  const tick = (): void => {
    heap.tick();
    liveness.sweep();
    expiry?.tick();
    users.tick();
    subscriptionCounter.tick();
    refusals.tick();
    tabs.tick();
  };
  return {
    ...clients,
    apps,
    tabs,
    departures,
    hub,
    users,
    heap,
    refusals,
    traffic,
    trace,
    start: () => void (ticker = setInterval(tick, TICK_MS)),
    stop: () => clearInterval(ticker),
  };
}

interface SharedParts {
  readonly apps: Apps;
  readonly stores: Stores;
  readonly logger: Logger;
  readonly clock: () => number;
  readonly refusals: Refusals;
  readonly traffic: Traffic;
  readonly trace: Trace;
}

function assembleChannels(config: Config, parts: SharedParts) {
  const { apps, stores, logger, clock, refusals, traffic, trace } = parts;
  const buffers = { softBytes: config.softBufferBytes, hardBytes: config.maxBufferBytes };
  const outbound = new Outbound(buffers, refusals);
  const weightOf = (app: string): number => apps.get(app)?.weight ?? 1;
  const { latency, live } = traffic;
  const fanOut = new FanOut({ outbound, latency, live, trace, weightOf });
  const emptied = {
    vacated(ref: ChannelRef): void {
      trace.vacated(ref);
      if (live.isWatched) live.occupancy('vacated', ref);
    },
  };
  const limits = { maxWaitingBytes: config.maxBacklogBytes };
  const hub = new Hub({ ...stores, fanOut, logger, traffic, trace: emptied, ...limits });
  const users = new Users({ ...stores, hub, clock });
  const subscriptionCounter = new SubscriptionCounter({ ...stores, logger, clock });
  return { outbound, hub, users, subscriptionCounter };
}

function assembleClients(
  config: Config,
  {
    stores,
    ...parts
  }: SharedParts &
    ReturnType<typeof assembleChannels> & {
      readonly departures: Departures;
      readonly tokenSignins: TokenSignins | undefined;
    },
) {
  const liveness = new Liveness({ ...parts, limits: livenessLimits(config) });
  const limits = {
    connections: config.maxConnections,
    connectionsPerAddress: config.maxConnectionsPerAddress,
    delayedRefusals: config.maxDelayedRefusals,
    refusalDelayMs: config.refusalDelayMs,
  };
  const sockets = new SocketLimits(limits, parts.hub);
  const { errorDataAsString, unusedAppsHint } = config;
  const nodeEvents = new NodeEvents(stores.outbox);
  const isHistoryPartial = config.cutover !== undefined;
  const tabSettings = tabSettingsOf(config, isHistoryPartial);
  const resume = new Resume({ ...stores, ...parts, tabSettings, isHistoryPartial });
  const gateway = new CoreGateway({
    ...stores,
    ...parts,
    nodeEvents,
    resume,
    limits,
    sockets,
    errorDataAsString,
    unusedAppsHint,
  });
  return { sockets, gateway, liveness, tabs: resume.tabs };
}

const tabSettingsOf = (config: Config, isHistoryPartial: boolean): TabSettings => ({
  keepMs: isHistoryPartial ? 0 : config.resumeSeconds * 1000,
  afterCut: config.resumeAfterCut,
  bytes: config.resumeMaxBytes,
  tabsPerAddress: config.resumeTabsPerAddress,
});

const livenessLimits = (config: Config): LivenessLimits => ({
  pongTimeoutMs: config.pongTimeoutSeconds * 1000,
  stallMs: config.stallSeconds * 1000,
  bufferedTotalBytes: config.maxBufferTotalBytes,
});
