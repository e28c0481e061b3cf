import { isSocketId, kindOf, parseJsonObject } from '#protocol';

/** A request as it arrived at one of the gateway's paths. */
export interface AuthRequest {
  readonly purpose: 'channel' | 'user';
  readonly method: string;
  /** Path without the server's prefix. */
  readonly path: string;
  readonly rawQuery: string;
  readonly contentType: string;
  readonly body: Buffer;
}

/** Question of a client to its app (SPEC 14.1). */
export interface Question {
  readonly purpose: 'channel' | 'user';
  readonly socketId: string;
  /** Empty for users. */
  readonly channel: string;
  /** The further fields, as one text that is equal for equal ones. */
  readonly further: string;
}

type Field = readonly [name: string, value: unknown];

/** The socket id is not one: a signature for it could be one for something else. */
export const BAD_SOCKET_ID = 'bad_socket_id';

/** Reads the question of a request. `undefined`: the app is to read it by itself. */
export function questionIn(request: AuthRequest): Question | typeof BAD_SOCKET_ID | undefined {
  const body = fieldsOfBody(request);
  if (body === undefined) return undefined;
  const fields = [...formFields(request.rawQuery), ...body];
  const socketIds = valuesOf(fields, 'socket_id');
  if (socketIds.some((each) => typeof each !== 'string' || !isSocketId(each))) return BAD_SOCKET_ID;
  const [socketId] = socketIds as string[];
  const channels = request.purpose === 'channel' ? valuesOf(fields, 'channel_name') : [''];
  const [channel] = channels;
  if (socketId === undefined || socketIds.length > 1 || channels.length > 1) return undefined;
  if (typeof channel !== 'string' || (request.purpose === 'channel' && !kindOf(channel).signed))
    return undefined;
  const others = fields.filter(
    ([name]) => name !== 'socket_id' && !(request.purpose === 'channel' && name === 'channel_name'),
  );
  return { purpose: request.purpose, socketId, channel, further: JSON.stringify(others) };
}

const valuesOf = (fields: readonly Field[], name: string): unknown[] =>
  fields.filter(([each]) => each === name).map(([, value]) => value);

const formFields = (text: string): Field[] => [...new URLSearchParams(text)];

/** Fields of the body; `undefined` when it is neither a form nor a JSON object. */
function fieldsOfBody({ contentType, body }: AuthRequest): Field[] | undefined {
  if (body.length === 0) return [];
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase();
  if (type === 'application/x-www-form-urlencoded') return formFields(body.toString('latin1'));
  if (type !== 'application/json') return undefined;
  const json = parseJsonObject(body.toString());
  return json && Object.entries(json);
}
