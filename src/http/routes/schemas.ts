import { isUtf8 } from 'node:buffer';
import {
  exceeds,
  isChannelName,
  isJsonObject,
  isSocketId,
  type JsonObject,
  parseJsonObject,
} from '#protocol';
import type { App } from '../../core/app.ts';
import type { Publication } from '../../core/channels/publication.ts';
import { checkInfo } from './attributes.ts';
import { HttpError } from '../errors.ts';

/** Valid event of a request body. `info` names the attributes that are asked for. */
export interface EventRequest extends Publication {
  readonly info: ReadonlySet<string>;
}

type Errors = Map<string, string[]>;

/** Number of invalid fields that an answer names. */
const MAX_NAMED_FIELDS = 100;

/** Parses the JSON object of a body; throws a 400 for anything else. */
export function parseBody(body: Buffer): JsonObject {
  // Otherwise subscribers would receive U+FFFD in place of the invalid bytes.
  if (!isUtf8(body)) throw new HttpError(400, 'The body is not UTF-8.');
  const value = parseJsonObject(body.toString());
  if (value === undefined) throw new HttpError(400, 'Bad request.');
  return value;
}

/** Checks the body of a publish (SPEC 8.4). Throws 422 with Laravel's messages for invalid fields, then 400 or 413 for a limit. */
export function eventRequest(app: App, body: JsonObject): EventRequest {
  const errors: Errors = new Map();
  checkFields(body, '', errors);
  checkChannels(body, errors);
  failOn(errors);
  const channels = isGiven(body.channels) ? (body.channels as string[]) : [body.channel as string];
  return checkLimits(app, body, channels);
}

/** Checks the body of a batch (SPEC 8.5). One invalid event refuses the whole batch. */
export function batchRequest(app: App, { batch }: JsonObject): readonly EventRequest[] {
  const items = batchItems(batch);
  if (exceeds(items.length, app.limits.eventsPerBatch)) {
    throw new HttpError(
      400,
      `Batch too large: at most ${app.limits.eventsPerBatch} events can be sent at once.`,
      {},
      { limit: 'eventsPerBatch' },
    );
  }
  const errors: Errors = new Map();
  items.forEach((item, at) => {
    checkFields(item, `batch.${at}.`, errors);
    checkText(item, 'channel', `batch.${at}.`, errors, ' when channels is not present');
  });
  failOn(errors);
  return items.map((item) => checkLimits(app, item, [item.channel as string]));
}

function batchItems(batch: unknown): readonly JsonObject[] {
  if (!isGiven(batch)) throw new HttpError(422, { batch: ['The batch field is required.'] });
  if (!Array.isArray(batch)) throw new HttpError(422, { batch: ['The batch field must be an array.'] });
  return batch.map((item: unknown) => (isJsonObject(item) ? item : {}));
}

/** False for values that Laravel's `required` refuses. Callers accept an empty `data`, as Pusher does. */
const isGiven = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);

function checkFields(fields: JsonObject, prefix: string, errors: Errors): void {
  checkText(fields, 'name', prefix, errors);
  if (fields.data !== '') checkText(fields, 'data', prefix, errors);
  for (const name of ['socket_id', 'info']) {
    const value = fields[name];
    if (value !== undefined && value !== null && typeof value !== 'string')
      add(errors, prefix + name, 'must be a string');
  }
}

function checkText(fields: JsonObject, name: string, prefix: string, errors: Errors, when = ''): void {
  if (!isGiven(fields[name])) add(errors, prefix + name, `is required${when}`);
  else if (typeof fields[name] !== 'string') add(errors, prefix + name, 'must be a string');
}

function checkChannels({ channels, channel }: JsonObject, errors: Errors): void {
  if (!isGiven(channels) && !isGiven(channel)) {
    add(errors, 'channels', 'is required when channel is not present');
    add(errors, 'channel', 'is required when channels is not present');
  } else if (isGiven(channels) && !Array.isArray(channels)) {
    add(errors, 'channels', 'must be an array');
  } else if (isGiven(channel) && typeof channel !== 'string') {
    add(errors, 'channel', 'must be a string');
  } else if (Array.isArray(channels)) {
    channels.forEach((each: unknown, at) => {
      if (typeof each !== 'string') add(errors, `channels.${at}`, 'must be a string');
    });
  }
}

/** Adds Laravel's message: underscores become spaces, except in the name of a list item such as `batch.0.socket_id`. */
function add(errors: Errors, field: string, what: string): void {
  const messages = errors.get(field) ?? [];
  if (messages.length === 0 && errors.size >= MAX_NAMED_FIELDS) return;
  const shown = field.includes('.') ? field : field.replaceAll('_', ' ');
  messages.push(`The ${shown} field ${what}.`);
  errors.set(field, messages);
}

function failOn(errors: Errors): void {
  if (errors.size > 0) throw new HttpError(422, Object.fromEntries(errors));
}

function checkLimits(app: App, fields: JsonObject, named: readonly string[]): EventRequest {
  const name = fields.name as string;
  const data = fields.data as string;
  const except = (fields.socket_id as string | null | undefined) ?? undefined;
  const channels = named.length === 1 ? named : [...new Set(named)];
  const info = infoNames(fields.info as string | null | undefined);
  checkName(app, name);
  checkChannelNames(app, channels);
  checkSocketId(app, except);
  checkData(app, data);
  for (const channel of channels) checkInfo(app, channel, info);
  return { name, dataJson: JSON.stringify(data), channels, except, info };
}

function checkName({ limits: { eventNameLength: most } }: App, name: string): void {
  if (!exceeds(name.length, most) && !/\p{Cc}/u.test(name)) return;
  throw new HttpError(400, `The event name is longer than ${most} characters or has control characters.`);
}

function checkChannelNames({ limits, extraChannelCharacters }: App, channels: readonly string[]): void {
  const { channelsPerEvent: most, channelNameLength } = limits;
  if (exceeds(channels.length, most)) {
    throw new HttpError(
      400,
      `An event can be sent to at most ${most} channels at once.`,
      {},
      { limit: 'channelsPerEvent' },
    );
  }
  const invalid = channels.find((each) => !isChannelName(each, channelNameLength, extraChannelCharacters));
  if (invalid === undefined) return;
  throw new HttpError(400, `Invalid channel name: ${JSON.stringify(invalid.slice(0, 256))}`);
}

function checkSocketId({ limits }: App, socketId: string | undefined): void {
  if (socketId === undefined) return;
  if (exceeds(socketId.length, limits.socketIdLength) || !isSocketId(socketId)) {
    throw new HttpError(400, 'Invalid socket id.');
  }
}

function checkData({ limits: { eventDataBytes: most } }: App, data: string): void {
  const sizeBytes = Buffer.byteLength(data);
  if (!exceeds(sizeBytes, most)) return;
  throw new HttpError(
    413,
    `The data content of this event exceeds the allowed maximum (${most} bytes).`,
    {},
    { limit: 'eventDataBytes', sizeBytes, limitBytes: most },
  );
}

const NO_INFO: ReadonlySet<string> = new Set();

/** Names in the comma-separated `info` (SPEC 8.4); unknown names have no effect. */
export function infoNames(info: string | null | undefined): ReadonlySet<string> {
  if (info === undefined || info === null) return NO_INFO;
  const names = info.split(',').map((name) => name.trim());
  return new Set(names.filter((name) => name !== ''));
}
