import {
  isSameHistory,
  NO_EVENTS,
  parseJsonObject,
  parsePosition,
  type Position,
  positionText,
} from '#protocol';
import type { ChannelEvent, HistoryPart } from '../../core/ports/events.ts';
import { HttpError, httpError } from '../errors.ts';
import type { Api, ApiRequest } from './api.ts';

const DEFAULT_EVENTS = 100;
const MOST_EVENTS = 1000;
const PART_BYTES = 1024 * 1024;

/** One event of a history, as the API returns it. */
interface StoredEvent {
  readonly position: string;
  readonly name: unknown;
  readonly data: unknown;
  readonly socket_id?: string;
}

/** `GET /channels/{channel}/events` (SPEC 8.14): the events that the history of a channel has after a position. */
export async function history(api: Api, { app, params, query }: ApiRequest): Promise<object> {
  const channel = params.channel ?? '';
  if (channel === '') throw httpError(404);
  const after = positionIn(query.get('after'));
  const portion = { events: limitIn(query.get('limit')), bytes: PART_BYTES };
  const part = await api.history.after({ app: app.id, channel }, after ?? NO_EVENTS, portion);
  const { newest, until, events } = part;
  return {
    events: events.map(storedEvent),
    position: newest === undefined ? null : positionText({ ...newest, offset: until }),
    newest: newest === undefined ? null : positionText(newest),
    missing: after === undefined ? 0 : missingIn(after, part),
  };
}

/** `null`: it is not known. */
function missingIn(after: Position, { newest, from, until, events }: HistoryPart): number | null {
  const isComparable = newest !== undefined && isSameHistory(newest, after) && after.offset <= newest.offset;
  return isComparable ? until - from - events.length : null;
}

function storedEvent({ payload, position, except }: ChannelEvent): StoredEvent {
  const { event: name = null, data = null } = parseJsonObject(payload) ?? {};
  const text = position === undefined ? '' : positionText(position);
  return { position: text, name, data, ...(except === undefined ? {} : { socket_id: except }) };
}

function positionIn(text: string | undefined): Position | undefined {
  if (text === undefined) return undefined;
  const position = parsePosition(text);
  if (position === undefined) throw new HttpError(400, 'The position is not valid.');
  return position;
}

function limitIn(text: string | undefined): number {
  if (text === undefined) return DEFAULT_EVENTS;
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MOST_EVENTS)
    throw new HttpError(400, `The limit is a number from 1 to ${MOST_EVENTS}.`);
  return limit;
}
