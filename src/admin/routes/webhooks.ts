import type { FastifyInstance } from 'fastify';
import { Conflict, readReplayRequest, readTestRequest } from '../requests.ts';
import { sendError } from './answers.ts';

/** Most bytes of a request: a replay may name a thousand deliveries. */
const MAX_BODY_BYTES = 64 * 1024;
/** Failed deliveries of one answer, the newest first. */
const MAX_FAILED = 1000;

/** An endpoint, for operators: without its URL, which may contain a secret. */
export interface EndpointStatus {
  readonly name: string;
  readonly app: string;
  readonly waiting: number;
  readonly oldestSeconds: number;
  /** Most attempts fail, or an event was given up, and none was delivered since. */
  readonly isFailing: boolean;
}

/** A delivery that was given up. */
export interface FailedDelivery {
  readonly id: string;
  readonly endpoint: string;
  readonly event: string;
  readonly channel: string;
  readonly reason: string;
  readonly failedAtMs: number;
}

/** Outcome of one attempt with a test event. */
export interface TestOutcome {
  readonly isDelivered: boolean;
  readonly reason?: string;
}

/** The webhooks of all apps (SPEC 9.6). */
export interface WebhookControl {
  list(): Promise<readonly EndpointStatus[]>;
  failed(most: number): Promise<readonly FailedDelivery[]>;
  /** The body that was not delivered, with the data of clients; `undefined`: it is not one of the newest `most`. */
  body(id: string, most: number): Promise<object | undefined>;
  /** Returns how many of them were there. */
  replay(ids: readonly string[]): Promise<number>;
  /** `undefined`: there is no such endpoint. */
  test(endpoint: string): Promise<TestOutcome | undefined>;
}

const NO_ENDPOINTS = 'No app has webhooks: set REVERB_WEBHOOK_URL, or "webhooks" in the JSON of an app.';

/** Adds `/webhooks` (SPEC 11.5). `undefined`: no app has an endpoint. */
export function addWebhookRoutes(scope: FastifyInstance, webhooks: WebhookControl | undefined): void {
  const control = (): WebhookControl => {
    if (webhooks === undefined) throw new Conflict(NO_ENDPOINTS);
    return webhooks;
  };
  scope.get('/webhooks', async () => ({ endpoints: await control().list() }));
  scope.get('/webhooks/failed', async () => ({ failed: await control().failed(MAX_FAILED) }));
  scope.get('/webhooks/failed/:id', async ({ params }, reply) => {
    const body = await control().body((params as { readonly id: string }).id, MAX_FAILED);
    reply.header('cache-control', 'no-store');
    return body === undefined ? sendError(reply, 404, 'There is no such delivery.') : { body };
  });
  scope.post('/webhooks/replay', { bodyLimit: MAX_BODY_BYTES }, async ({ body }) => ({
    replayed: await control().replay(readReplayRequest(body)),
  }));
  scope.post('/webhooks/test', { bodyLimit: MAX_BODY_BYTES }, async ({ body }) => {
    const known = control();
    const endpoint = readTestRequest(body);
    const outcome = await known.test(endpoint);
    if (outcome === undefined) throw new Conflict(`There is no endpoint ${JSON.stringify(endpoint)}.`);
    return outcome;
  });
}
