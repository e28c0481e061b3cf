import type { FailedDelivery, WebhookControl } from '../../admin/routes/webhooks.ts';
import type { Config } from '../../config/index.ts';
import { packageVersion } from '../../config/version.ts';
import type { Apps } from '../../core/ports/apps.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { DeadLetter, Outbox } from '../../core/ports/webhooks.ts';
import type { WebhookWishes } from '../../core/ports/webhook-wishes.ts';
import { liveWebhookWishes, webhookWishes } from '../../core/webhooks/wishes.ts';
import type { Webhooks, WebhooksDeps, WebhookSettings } from '../../webhooks/index.ts';

/** Makes the wishes that the stores keep events for; `undefined`: no app has an endpoint, or ever will. */
export function wishesIn(config: Config, apps: Apps): WebhookWishes | undefined {
  const settings = {
    smoothingMs: config.webhookSmoothingMs,
    maxWaiting: config.webhookMaxWaiting,
    maxDead: config.webhookDeadLetters,
    deadTtlMs: config.webhookDeadLetterSeconds * 1000,
  };
  return config.appsDatabase === undefined
    ? webhookWishes(apps.all, settings)
    : liveWebhookWishes(apps, settings);
}

/** The file that keeps the webhooks of a single node over a restart. */
export const webhookFileIn = ({ webhookStateFile, webhookStateBytes }: Config) => ({
  path: webhookStateFile,
  maxBytes: webhookStateBytes,
});

/** Starts to deliver. `undefined`: no app has an endpoint, and no code of the delivery is loaded. */
export async function startWebhooks(
  config: Config,
  apps: Apps,
  outbox: Outbox | undefined,
  { logger, live }: Pick<WebhooksDeps, 'live'> & { readonly logger: Logger },
): Promise<Webhooks | undefined> {
  if (outbox === undefined) return undefined;
  const { DEFAULT_WEBHOOK_SETTINGS, openWebhooks } = await import('../../webhooks/index.ts');
  const webhooks = openWebhooks({
    apps: apps.all,
    outbox,
    logger,
    live,
    clock: Date.now,
    settings: { ...DEFAULT_WEBHOOK_SETTINGS, ...settingsIn(config) },
    userAgent: `Wavehall/${packageVersion()}`,
  });
  apps.onChange(() => webhooks.update(apps.all));
  return webhooks;
}

const settingsIn = (config: Config): Partial<WebhookSettings> => ({
  timeoutMs: config.webhookTimeoutSeconds * 1000,
  giveUpAfterMs: config.webhookRetrySeconds * 1000,
  maxAttempts: config.webhookRetries === undefined ? 0 : config.webhookRetries + 1,
  firstRetryMs: config.webhookRetryDelaySeconds * 1000,
  batching: config.webhookBatching
    ? {
        maxEvents: config.webhookBatchEvents,
        maxDelayMs: config.webhookBatchDelayMs,
        maxBytes: config.webhookBatchBytes,
      }
    : undefined,
  allowedNetworks: config.webhookPrivateNetworks,
});

/** The webhooks as the admin API shows them (SPEC 11.5). */
export const webhookControl = (webhooks: Webhooks, outbox: Outbox): WebhookControl => ({
  list: async () =>
    (await webhooks.list()).map(({ endpoint: name, app, waiting, oldestWaitingMs, state }) => ({
      name,
      app,
      waiting,
      oldestSeconds: Math.floor(oldestWaitingMs / 1000),
      isFailing: state !== 'ok',
    })),
  failed: async (most) => (await outbox.deadLetters(most)).map(failedOf),
  body: async (id, most) => {
    const found = (await outbox.deadLetters(most)).find((each) => each.id === id);
    return found && (JSON.parse(webhooks.bodyOf(found.entry)) as object);
  },
  replay: (ids) => outbox.replay(ids),
  test: (endpoint) => webhooks.test(endpoint),
});

const failedOf = ({ id, endpoint, entry, reason, diedAtMs }: DeadLetter): FailedDelivery => ({
  id,
  endpoint,
  event: entry.type,
  channel: entry.ref.channel,
  reason,
  failedAtMs: diedAtMs,
});
