import type { Position } from '#protocol';
import type { ChannelRef, History, HistoryPart, HistoryPortion } from '../../../core/ports/events.ts';
import { Unavailable } from '../../../core/ports/failures.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import type { ClusterNode } from '../node/node.ts';
import { readHistory } from './missed-events.ts';

/** Clocks of nodes and of Redis differ by less: what happened that long ago counts as now. */
const CLOCK_MARGIN_MS = 1000;

interface HistoryDeps {
  readonly links: Pick<Links, 'commands'>;
  readonly keys: Keys;
  readonly node: Pick<ClusterNode, 'isAttached'>;
}

/** Reads the histories that all nodes share. */
export class RedisHistory implements History {
  readonly #deps: HistoryDeps;

  constructor(deps: HistoryDeps) {
    this.#deps = deps;
  }

  async after(ref: ChannelRef, position: Position, portion: HistoryPortion): Promise<HistoryPart> {
    const { links, keys, node } = this.#deps;
    // A server that was restarted shows lost writes as such only once a node is attached to it.
    if (!node.isAttached) throw new Unavailable('Redis is unavailable.');
    const part = await readHistory(links.commands, keys.channel(ref), position, portion);
    const { newest, until, found, lost, droppedAgoMs, completeForMs } = part;
    const events = found.filter((event) => event !== undefined);
    return {
      ...{ newest, from: until - found.length - lost, until, events },
      droppedAgoMs: droppedAgoMs < 0 ? droppedAgoMs : Math.max(0, droppedAgoMs - CLOCK_MARGIN_MS),
      completeForMs: Math.max(0, completeForMs - CLOCK_MARGIN_MS),
    };
  }
}
