import type { NodeLoad } from '../../../../core/ports/nodes/cluster-load.ts';

/** Message of a node that is behind (SPEC 12.4). */
export interface LoadMessage extends NodeLoad {
  /** Name of the sending node: random, new at each start. */
  readonly from: string;
  /** Identifies the installation: others may share the Redis. */
  readonly scope: string;
}

/** Raised by a change that older nodes would misunderstand; a further field is none. */
const VERSION = 1;
const LONGEST_BYTES = 512;
const NAME = /^[\w-]{12}$/;

export const encodeLoad = (message: LoadMessage): string => JSON.stringify({ version: VERSION, ...message });

/**
 * Decodes a message of a node of any version. `'newer'`: this version cannot understand it. `undefined`: no node sends such.
 */
export function decodeLoad(bytes: Buffer): LoadMessage | 'newer' | undefined {
  if (bytes.length > LONGEST_BYTES) return undefined;
  try {
    const { version, ...fields } = JSON.parse(bytes.toString()) as Record<string, unknown>;
    if (!isCount(version) || version < VERSION) return undefined;
    return version > VERSION ? 'newer' : messageIn(fields);
  } catch {
    return undefined;
  }
}

/** Fields of other names are of newer nodes. */
function messageIn(fields: Record<string, unknown>): LoadMessage | undefined {
  const { from, scope, delayMs, refused, memoryShort } = fields;
  if (typeof from !== 'string' || !NAME.test(from) || typeof scope !== 'string') return undefined;
  if (!isCount(delayMs) || !isCount(refused) || typeof memoryShort !== 'boolean') return undefined;
  return { from, scope, delayMs, refused, memoryShort };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
