import { randomUUID } from 'node:crypto';
import type { App } from '../core/app.ts';
import type { Metric } from '../core/ports/metric.ts';
import type { WebhookRecord } from '../core/ports/webhooks.ts';
import type { StatusSection } from '../core/ports/status.ts';
import type { WebhooksDeps } from './deps.ts';
import { DropReport } from './drop-report.ts';
import { Endpoint, type EndpointReport } from './endpoint.ts';
import { bodyOf } from './events.ts';
import { webhookMetrics } from './metrics.ts';
import type { SendResult } from './sink.ts';

export { DEFAULT_WEBHOOK_SETTINGS, type WebhookSettings } from './settings.ts';
export { queueAddressOf } from './laravel/queue-address.ts';
export type { WebhooksDeps } from './deps.ts';
export type { SendResult } from './sink.ts';

const TEST_CHANNEL = 'wavehall-test';
/** Age of the numbers of waiting events in metrics. */
const READ_WAITING_EVERY_MS = 5000;

export interface Webhooks {
  readonly metrics: readonly Metric[];
  readonly status: StatusSection;
  /** The endpoints of all apps, with what waits for each now. */
  list(): Promise<readonly EndpointReport[]>;
  /** Sends one `channel_occupied` at once, past outbox, retries and breaker. `undefined`: there is no endpoint of that name. */
  test(endpoint: string): Promise<SendResult | undefined>;
  /** Body of a request with this event alone. */
  bodyOf(record: WebhookRecord & { readonly timeMs: number }): string;
  /** Delivers for these apps from now on: endpoints that are the same go on, others end as `close` does, new ones begin. */
  update(apps: readonly App[]): void;
  /** Stops taking, and waits for requests in flight up to `closeWithinMs`; the rest stays in the outbox. */
  close(): Promise<void>;
  /** Logs the events that were dropped since the last line. Call it last: an outbox that closes drops what its store does not take. */
  reportDropped(): void;
}

/** Starts to deliver the events of the outbox to all endpoints of the apps (SPEC 9). Throws when an endpoint's URL has no sink. */
export function openWebhooks(deps: WebhooksDeps): Webhooks {
  const { apps, outbox, logger, clock } = deps;
  const endpoints = endpointsOf(apps, [], deps);
  const readWaiting = () => Promise.all(endpoints.map((each) => each.readWaiting()));
  const list = async () => {
    await readWaiting();
    return endpoints.map((each) => each.status());
  };
  const drops = new DropReport(outbox, logger, clock);
  const timer = setInterval(() => {
    drops.check();
    void readWaiting();
  }, READ_WAITING_EVERY_MS);
  timer.unref();
  outbox.onAdded(() => {
    for (const { delivery } of endpoints) delivery.notify();
  });
  for (const { delivery } of endpoints) delivery.notify();
  return {
    metrics: webhookMetrics(endpoints, outbox),
    status: {
      name: 'webhooks',
      read: async () => ({ dropped: outbox.dropped, endpoints: await list() }),
    },
    list,
    async test(name) {
      return endpoints.find((each) => each.name === name)?.sink.send(testMessage(clock()));
    },
    bodyOf: (record) => bodyOf([record]),
    update(present) {
      const next = endpointsOf(present, endpoints, deps);
      const gone = endpoints.filter((each) => !next.includes(each));
      endpoints.splice(0, endpoints.length, ...next);
      for (const { delivery } of gone) void delivery.close();
      for (const { delivery } of endpoints) delivery.notify();
    },
    async close() {
      clearInterval(timer);
      await Promise.all(endpoints.map(({ delivery }) => delivery.close()));
    },
    reportDropped: () => drops.flush(),
  };
}

/** The endpoints of these apps; those that have not changed are taken from `present`. */
function endpointsOf(apps: readonly App[], present: readonly Endpoint[], deps: WebhooksDeps): Endpoint[] {
  const byName = new Map(present.map((each) => [each.name, each]));
  return apps.flatMap((app) =>
    app.webhooks.map((endpoint) => {
      const same = byName.get(endpoint.name);
      return same?.continueFor(app, endpoint) === true ? same : new Endpoint(app, endpoint, deps);
    }),
  );
}

function testMessage(timeMs: number) {
  const delivery = randomUUID();
  const ref = { app: '', channel: TEST_CHANNEL };
  return {
    body: bodyOf([{ type: 'channel_occupied', ref, fields: {}, timeMs }]),
    delivery,
    attempt: 1,
  };
}
