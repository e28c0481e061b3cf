import { isJsonObject, ownField } from '../json/json.ts';
import type { ResumeRequest } from './messages.ts';
import { parsePosition } from './position.ts';
import { isSocketId } from '../socket-id.ts';

/** 13.7 — earlier sockets that one client may name. */
const MOST_SOCKETS = 8;

const isSocketIdText = (value: unknown): value is string => typeof value === 'string' && isSocketId(value);

/** 13.7 — `undefined`: the client does not ask for positions. */
export function parseResume(value: unknown): ResumeRequest | undefined {
  if (!isJsonObject(value)) return undefined;
  const [position, away, sockets] = ['position', 'away', 'sockets'].map((name) => ownField(value, name));
  const isAway = typeof away === 'number' && away >= 0;
  return {
    position: position === undefined ? undefined : (parsePosition(position) ?? 'unreadable'),
    awaySeconds: isAway ? away : Infinity,
    sockets: Array.isArray(sockets) ? sockets.slice(-MOST_SOCKETS).filter(isSocketIdText) : [],
  };
}
