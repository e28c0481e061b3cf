/** One message of the loss meter (SPEC 12.1). */
export interface NumberedMessage {
  /** Name of the sending node: random, new at each start. */
  readonly from: string;
  /** Identifies the installation: others may share the Redis. */
  readonly scope: string;
  /** Grows by 1 with each message that Redis is known to have accepted. */
  readonly number: number;
  /** Grows when the same number is sent again, since Redis did not confirm the attempt before. */
  readonly attempt: number;
  /** Time of sending, by a clock that only the sender knows. */
  readonly sentMs: number;
}

const LONGEST_BYTES = 512;
const NAME = /^[\w-]{12}$/;
const FIELDS = 5;

export const encodeNumbered = (message: NumberedMessage): string => JSON.stringify(message);

/** Decodes strictly: anything but a message of a node is `undefined`. */
export function decodeNumbered(bytes: Buffer): NumberedMessage | undefined {
  if (bytes.length > LONGEST_BYTES) return undefined;
  try {
    const fields = JSON.parse(bytes.toString()) as Record<string, unknown>;
    const { from, scope, number, attempt, sentMs } = fields;
    if (Object.keys(fields).length !== FIELDS) return undefined;
    if (typeof from !== 'string' || !NAME.test(from) || typeof scope !== 'string') return undefined;
    if (!isCount(number, 1) || !isCount(attempt, 1) || !isCount(sentMs, 0)) return undefined;
    return { from, scope, number, attempt, sentMs };
  } catch {
    return undefined;
  }
}

const isCount = (value: unknown, least: number): value is number =>
  Number.isSafeInteger(value) && Number(value) >= least;
