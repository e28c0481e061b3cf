import { dataOf } from '../support/wire.ts';
import type { Frame } from '../support/wire.ts';

/** A known difference between two servers that random runs ignore, with its reason. */
export interface Allowance {
  readonly id: string;
  readonly why: string;
  /** Returns the frame in the form that is compared, or undefined to leave it out of the comparison. */
  readonly frame?: (frame: Frame) => Frame | undefined;
  /** Returns the body of an answer in the form that is compared. */
  readonly body?: (body: unknown) => unknown;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const sorted = (value: unknown): unknown =>
  Array.isArray(value)
    ? [...(value as unknown[])].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
    : value;

const isError = ({ event }: Frame) => event === 'pusher:error';

/** Applies `change` to the property `name`, if the body has one. */
const withProperty = (body: unknown, name: string, change: (value: unknown) => unknown): unknown =>
  isRecord(body) && name in body ? { ...body, [name]: change(body[name]) } : body;

export const ALLOWANCES: readonly Allowance[] = [
  {
    id: 'error-data',
    why: 'Reverb sends data of pusher:error as a string',
    frame: (frame) =>
      isError(frame) && typeof frame.data === 'string' ? { ...frame, data: dataOf(frame) } : frame,
  },
  {
    id: 'error-channel',
    why: 'Reverb does not name the channel in pusher:error',
    frame: (frame) => (isError(frame) ? { event: frame.event, data: frame.data } : frame),
  },
  {
    id: 'subscription-error',
    why: 'Reverb has no pusher:subscription_error',
    frame: (frame) => (frame.event === 'pusher:subscription_error' ? undefined : frame),
  },
  {
    id: 'missing-data',
    why: 'Reverb leaves empty data out of its own frames',
    frame: (frame) =>
      String(frame.event).startsWith('pusher:') && !('data' in frame) ? { ...frame, data: '{}' } : frame,
  },
  {
    id: 'roster-order',
    why: 'Reverb orders a user by its second socket when the first has left',
    frame(frame) {
      const data = dataOf(frame);
      if (!isRecord(data) || !isRecord(data.presence)) return frame;
      return { ...frame, data: JSON.stringify({ presence: withProperty(data.presence, 'ids', sorted) }) };
    },
    body: (body) => withProperty(body, 'users', sorted),
  },
  {
    id: 'empty-list',
    why: 'PHP writes an empty map of channels as []',
    body: (body) =>
      withProperty(body, 'channels', (value) => (Array.isArray(value) && value.length === 0 ? {} : value)),
  },
  {
    id: 'empty-batch',
    why: 'Reverb answers {"batch":{}} to a batch that asks for no info (H14)',
    body(body) {
      if (!isRecord(body) || !isRecord(body.batch) || Object.keys(body.batch).length > 0) return body;
      return Object.fromEntries(Object.entries(body).filter(([name]) => name !== 'batch'));
    },
  },
  {
    id: 'unoccupied-counts',
    why: 'Reverb leaves the counts of unoccupied channels out',
    body(body) {
      const withoutZeros = (value: unknown) =>
        isRecord(value)
          ? Object.fromEntries(Object.entries(value).filter(([, count]) => count !== 0))
          : value;
      const withoutZerosInEach = (value: unknown) =>
        isRecord(value)
          ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withoutZeros(each)]))
          : value;
      const each = (value: unknown) => (Array.isArray(value) ? value.map(withoutZeros) : value);
      return withoutZeros(withProperty(withProperty(body, 'channels', withoutZerosInEach), 'batch', each));
    },
  },
  {
    id: 'no-text',
    why: 'Reverb answers {} where a channel without members is asked for its users',
    body: (body) => (body === 'The channel must be a presence channel.' ? {} : body),
  },
];

/** Steps that a random run leaves out, because Reverb is known to differ in them (see reverb-differences.ts). */
export const AVOIDED = [
  'members without user_info, with empty user_info or with the id 0 (S15, S50, S52)',
  'client events whose data is no object, or an empty one (W09 to W13)',
  'client events on cache channels, and presence-cache channels: Reverb caches client events and member_removed (S23, S24)',
  'subscribing to a cache channel that was vacated since its last event (S65)',
  'the same channel twice in one publish, socket_id in a batch, terminating users (H51, H71, U07)',
  'sockets without channels when connections are counted (H21): each client subscribes to a channel of its own',
  'users of unoccupied channels (H83)',
] as const;
