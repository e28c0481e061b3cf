import { NOTHING_TOLD, type ToldBefore } from '../outbox/transition-sink.ts';

/** State of a channel on one node. */
export interface HeldState {
  readonly isHeld: boolean;
  readonly users: ReadonlySet<string>;
}

/** The incarnation of a node, and the generation of the data to which it writes. */
export interface Incarnation {
  readonly node: string;
  readonly generation: string;
}

type Acknowledged = HeldState & Incarnation;

/**
 * Memory of the transitions that webhooks were told because of this node, so that it is neither told again nor forgotten when Redis loses data.
 * What Redis takes while it is settling waits there: it counts as told when the settling is over.
 */
export class ToldState {
  #told: Acknowledged | undefined;
  #newest: Acknowledged | undefined;
  #newestIsToldFromMs = 0;

  /** Takes what Redis acknowledged, and for how much longer it was settling then. */
  acknowledge(state: HeldState, incarnation: Incarnation, settlingMs: number): void {
    this.#told = this.#current();
    this.#newest = { ...state, ...incarnation };
    this.#newestIsToldFromMs = settlingMs > 0 ? performance.now() + settlingMs : 0;
  }

  /** Returns what Redis may have lost since; nothing when another node has removed it meanwhile. */
  before(desired: HeldState, { node, generation }: Incarnation, isDamaged: boolean): ToldBefore {
    const newest = this.#newest;
    if (newest === undefined) return NOTHING_TOLD;
    const isSameData = newest.generation === generation;
    if (isSameData && (!isDamaged || newest.node !== node)) return NOTHING_TOLD;
    return toldBefore(this.#current(), desired);
  }

  #current(): Acknowledged | undefined {
    return performance.now() >= this.#newestIsToldFromMs ? this.#newest : this.#told;
  }
}

/** A channel is occupied before its members come, and vacated after they have gone. */
function toldBefore(told: HeldState | undefined, desired: HeldState): ToldBefore {
  if (told === undefined) return NOTHING_TOLD;
  const ids = [...told.users];
  const stay = ids.filter((id) => desired.users.has(id)).map((id) => `+${id}`);
  const gone = ids.filter((id) => !desired.users.has(id)).map((id) => `-${id}`);
  return {
    holding: told.isHeld && desired.isHeld ? ['occupied', ...stay] : stay,
    ended: told.isHeld && !desired.isHeld ? [...gone, 'vacated'] : gone,
  };
}
