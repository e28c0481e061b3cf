import type { App } from '../core/app.ts';
import type { DecisionLimits } from '../core/decisions.ts';
import { retentionOf } from '../core/channels/retention.ts';
import type { Apps } from '../core/ports/apps.ts';
import type { Stores } from '../core/ports/stores.ts';
import type { ChannelRef } from '../core/ports/channel-ref.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { WebhookWishes } from '../core/ports/webhook-wishes.ts';
import type { IdempotencyLimits } from '../core/requests/idempotency.ts';
import { withHandover } from './handover/index.ts';
import { openMemoryStores } from './memory/index.ts';
import { OutboxFile, type OutboxFileOptions } from './memory/outbox/state-file.ts';
import type { RedisOptions } from './redis/options.ts';

export interface StoresOptions {
  /** `undefined`: this node is the only one. */
  readonly redis: RedisOptions | undefined;
  /** The file that keeps the state of a cutover across restarts of a single node. */
  readonly cutoverStateFile: string | undefined;
  readonly apps: readonly App[];
  /** The apps as they are now, where they may change; in place of `apps`. */
  readonly liveApps?: Pick<Apps, 'all' | 'get'> | undefined;
  readonly replaySignatures: number;
  readonly decisionLimits: DecisionLimits;
  readonly idempotency?: IdempotencyLimits;
  /** `undefined`: no app has webhooks. */
  readonly webhooks?: WebhookWishes | undefined;
  /** Keeps the webhooks of a single node over a restart; `undefined`: they are lost with the process. */
  readonly webhookFile?: OutboxFileOptions | undefined;
}

/** Opens the stores: in memory for one node, in Redis for several. The code for Redis is loaded only where it is used. */
export async function openStores(options: StoresOptions, logger: Logger): Promise<Stores> {
  const { redis, apps, liveApps, replaySignatures, idempotency, decisionLimits, webhooks } = options;
  if (redis === undefined) return openForOneNode(options, logger);
  const { openRedisStores } = await import('./redis/index.ts');
  const appOf = liveApps === undefined ? lookup(apps) : (id: string) => liveApps.get(id);
  const presentApps = liveApps && (() => liveApps.all);
  const limits = { replaySignatures, idempotency, decisionLimits };
  const shared = { apps, presentApps, ...limits, historyTtlMs: ttlsOf(appOf), webhooks };
  return openRedisStores({ ...redis, ...shared }, logger);
}

async function openForOneNode(options: StoresOptions, logger: Logger): Promise<Stores> {
  const { cutoverStateFile, replaySignatures, idempotency, decisionLimits, webhooks, webhookFile } = options;
  const local = openMemoryStores(cutoverStateFile, replaySignatures, webhooks, {
    idempotency,
    decisionLimits,
  });
  const stores = withHandover(local);
  const { outbox } = local;
  if (outbox === undefined || webhookFile === undefined) return stores;
  const file = new OutboxFile(webhookFile, logger);
  await file.load(outbox);
  return {
    ...stores,
    async close() {
      await stores.close();
      if (!outbox.isHandedOver) await file.save(outbox);
    },
  };
}

function lookup(apps: readonly App[]): (id: string) => App | undefined {
  const byId = new Map(apps.map((app) => [app.id, app]));
  return (id) => byId.get(id);
}

const ttlsOf =
  (appOf: (id: string) => App | undefined) =>
  ({ app: id, channel }: ChannelRef): number => {
    const app = appOf(id);
    return app === undefined ? 0 : retentionOf(app, channel).ttlSeconds * 1000;
  };
