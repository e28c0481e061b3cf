import { isJsonObject, type JsonObject } from '#protocol';

/** A frame of any server of the protocol, read as tolerantly as client libraries do. */
export interface ProbeFrame {
  readonly event: string;
  readonly channel: string | undefined;
  readonly data: unknown;
  readonly userId: string | undefined;
  /** Given in the greeting. */
  readonly socketId: string | undefined;
  /** Given when the server says no to something. */
  readonly error: { readonly code: number | undefined; readonly message: string } | undefined;
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** `data` as a browser gets it: text that holds JSON is that JSON. */
export function dataValue(data: unknown): unknown {
  if (typeof data !== 'string') return data;
  try {
    return JSON.parse(data) as unknown;
  } catch {
    return data;
  }
}

/** `undefined`: it is no frame. */
export function frameIn(text: string): ProbeFrame | undefined {
  const frame = dataValue(text);
  if (!isJsonObject(frame) || typeof frame.event !== 'string') return undefined;
  const { event, data, channel } = frame;
  const value = event.startsWith('pusher') ? dataValue(data) : undefined;
  const fields = isJsonObject(value) ? value : {};
  const isGreeting = event === 'pusher:connection_established';
  const isError = event === 'pusher:error' || event.endsWith(':subscription_error');
  return {
    event,
    channel: textOf(channel),
    data,
    userId: textOf(frame.user_id),
    socketId: isGreeting ? textOf(fields.socket_id) : undefined,
    error: isError ? refusalIn(fields) : undefined,
  };
}

function refusalIn({ code, status, message, error, type }: JsonObject): ProbeFrame['error'] {
  const number = [code, status].find((each) => typeof each === 'number');
  const words = [message, error, type].find((each) => typeof each === 'string');
  return { code: number, message: words ?? 'refused' };
}
