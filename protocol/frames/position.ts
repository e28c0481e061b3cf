/** 13.1 — the place of an event in the history of its channel. */
export interface Position {
  /** Names one history of the channel; '' while it is empty. */
  readonly epoch: string;
  /** Grows when the store may have lost writes. */
  readonly generation: string;
  readonly offset: number;
}

/** 13.1 — the position of a channel whose history is empty. */
export const NO_EVENTS: Position = { epoch: '', generation: '0', offset: 0 };

const POSITION = /^(?:([\w-]{1,64})\.(\d{1,16})\.(\d{1,15})|\.0\.0)$/;

/** 13.1 */
export const positionText = ({ epoch, generation, offset }: Position): string =>
  `${epoch}.${generation}.${offset}`;

/** 13.1 — `undefined`: the text is not a position. */
export function parsePosition(text: unknown): Position | undefined {
  const match = typeof text === 'string' ? POSITION.exec(text) : null;
  if (match === null) return undefined;
  const [, epoch, generation = '0', offset = '0'] = match;
  return epoch === undefined ? NO_EVENTS : { epoch, generation, offset: Number(offset) };
}

type HistoryIdentity = Pick<Position, 'epoch' | 'generation'>;

/** 13.1 — true when the two can be compared by their offsets. */
export const isSameHistory = (one: HistoryIdentity, other: HistoryIdentity): boolean =>
  one.epoch === other.epoch && one.generation === other.generation;
