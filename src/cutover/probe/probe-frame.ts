import { objectIn } from '../client/read-frame.ts';
import type { ServerFrame } from '../client/server-frame.ts';

/** Refusal of something by the server. */
export interface ServerRefusal {
  readonly code: number | undefined;
  readonly message: string;
}

/** Socket id in the greeting; `undefined` in every other frame. */
export function socketIdIn({ event, data }: ServerFrame): string | undefined {
  if (event !== 'pusher:connection_established') return undefined;
  const { socket_id: socketId } = objectIn(data);
  return typeof socketId === 'string' ? socketId : undefined;
}

/** Refusal in an error frame; `undefined` in every other frame. */
export function refusalIn({ event, data }: ServerFrame): ServerRefusal | undefined {
  if (event !== 'pusher:error' && !event.endsWith(':subscription_error')) return undefined;
  const { code, status, message, error, type } = objectIn(data);
  const number = [code, status].find((each) => typeof each === 'number');
  const text = [message, error, type].find((each) => typeof each === 'string');
  return { code: number, message: text ?? 'refused' };
}
