import type { FastifyInstance } from 'fastify';
import { isJsonObject, parseJsonObject } from '#protocol';
import { BadRequest } from '../requests.ts';
import { sendError } from './answers.ts';

/** Most bytes of a request; those of an event are limited by its app. */
const MAX_BODY_BYTES = 1024 * 1024;

/** Answer of the HTTP API to an event. */
export interface PublishAnswer {
  readonly status: number;
  readonly text: string;
  /** `X-Wavehall-Event-Id`; `undefined`: the server gives events no id. */
  readonly id: string | undefined;
}

/** Publishes for an operator. */
export interface EventPublisher {
  /** Publishes as `POST /events` of the app does (SPEC 8.4), with its checks and limits. `undefined`: there is no such app. */
  publish(app: string, event: object, address: string): Promise<PublishAnswer | undefined>;
}

/** Adds `/events` (SPEC 17.11). */
export function addEventRoute(scope: FastifyInstance, publisher: EventPublisher): void {
  scope.post('/events', { bodyLimit: MAX_BODY_BYTES }, async ({ body, ip }, reply) => {
    if (!isJsonObject(body)) throw new BadRequest('The body is not a JSON object.');
    const { app, ...event } = body;
    if (typeof app !== 'string') throw new BadRequest('app: expected the id of an app');
    const answer = await publisher.publish(app, event, ip);
    if (answer === undefined) return sendError(reply, 404, `There is no app ${JSON.stringify(app)}.`);
    if (answer.status === 200) return { id: answer.id ?? null };
    return sendError(reply, statusFor(answer), errorIn(answer));
  });
}

/** A 401 is about the signature of this server, not about the one who asks. */
const statusFor = ({ status }: PublishAnswer): number => (status === 401 ? 503 : status);

/** Sentence of an answer: its text, or the messages of its fields. */
function errorIn({ status, text }: PublishAnswer): string {
  const fields = parseJsonObject(text);
  if (fields === undefined) return text === '' ? `The server answered ${status}.` : text;
  return Object.values(fields).flat().join(' ');
}
