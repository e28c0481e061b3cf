import type { Position } from '#protocol';
import type { ChannelRef, History, HistoryPart, HistoryPortion } from '../../../core/ports/events.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import { readHistory } from './missed-events.ts';

/** Clocks of nodes and of Redis differ by less: what happened that long ago counts as now. */
const CLOCK_MARGIN_MS = 1000;

/** Reads the histories that all nodes share. */
export class RedisHistory implements History {
  readonly #links: Links;
  readonly #keys: Keys;

  constructor(links: Links, keys: Keys) {
    this.#links = links;
    this.#keys = keys;
  }

  async after(ref: ChannelRef, position: Position, portion: HistoryPortion): Promise<HistoryPart> {
    const part = await readHistory(this.#links.commands, this.#keys.channel(ref), position, portion);
    const { newest, until, found, lost, droppedAgoMs, completeForMs } = part;
    const events = found.filter((event) => event !== undefined);
    return {
      ...{ newest, from: until - found.length - lost, until, events },
      droppedAgoMs: droppedAgoMs < 0 ? droppedAgoMs : Math.max(0, droppedAgoMs - CLOCK_MARGIN_MS),
      completeForMs: Math.max(0, completeForMs - CLOCK_MARGIN_MS),
    };
  }
}
