import {
  count,
  listOf,
  NotReadable,
  object,
  oneOf,
  optional,
  type Reader,
  text,
} from '../../util/readers.ts';
import { MAX_FRAMES } from './frame-log.ts';
import type { FrameNote } from './frame-note.ts';
import {
  type ClosedConnection,
  type ConnectionRow,
  MAX_LISTED,
  MAX_NAMES,
  MAX_ROWS,
  type NameCount,
  type OpenConnection,
  type ShownLimits,
  type ViewAnswer,
  type ViewQuestion,
} from './questions.ts';

/** More characters than any setting allows names to have. */
const name = text(1024);
const shortName = text(256);

const flag: Reader<boolean> = (value) => {
  if (typeof value !== 'boolean') throw new NotReadable('The value is not true or false.');
  return value;
};

/** Reads a question of another node; nothing in it is trusted. */
export const readViewQuestion = object<ViewQuestion>({
  view: oneOf('channels', 'users', 'channel', 'user', 'connection', 'reconnect', 'end'),
  app: name,
  name,
  after: optional(name),
});

const row = {
  socket: shortName,
  address: shortName,
  transport: shortName,
  user: optional(name),
  channels: count,
  openedAtMs: count,
};

const frames = listOf(
  object<FrameNote>({ atMs: count, direction: oneOf('in', 'out'), event: name, bytes: count }),
  MAX_FRAMES,
);

const limits = object<ShownLimits>({
  subscriptionsPerSocket: count,
  messageBytes: count,
  messagesPerSecond: count,
  messageBurst: count,
  clientEventsPerSecond: count,
  softBytes: count,
  hardBytes: count,
});

const open = object<OpenConnection>({
  ...row,
  secure: flag,
  seenAtMs: count,
  names: listOf(name, MAX_NAMES),
  waitingBytes: count,
  sentBytes: count,
  isOverRate: flag,
  isSlowReader: flag,
  isPinged: flag,
  limits,
  frames,
  framesSinceMs: count,
});

const closed = object<ClosedConnection>({
  ...row,
  closedAtMs: count,
  code: count,
  cause: shortName,
  message: optional(shortName),
  frames,
});

/** Reads the answer of another node; nothing in it is trusted. */
export const readViewAnswer = object<ViewAnswer>({
  process: shortName,
  node: optional(shortName),
  host: shortName,
  pid: count,
  rows: optional(listOf(object<NameCount>({ name, count }), MAX_ROWS + 1)),
  isCut: optional(flag),
  count: optional(count),
  connections: optional(listOf(object<ConnectionRow>(row), MAX_LISTED)),
  open: optional(open),
  closed: optional(closed),
  isDone: optional(flag),
});
