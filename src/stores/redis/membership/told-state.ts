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

/** Time in which receivers count the channel as occupied, or a user as its member. */
interface Told {
  readonly fromMs: number;
  untilMs: number;
  /** First attempt to write its end, to the data of a generation. */
  endSent?: { readonly generation: string; readonly atMs: number } | undefined;
}

const OCCUPIED = 'occupied';

/**
 * Memory of the transitions that webhooks were told because of this node, so that none is told again or forgotten when Redis loses
 * data. What begins while Redis is settling waits there, and so does each end: both count when they are due.
 */
export class ToldState {
  readonly #smoothingMs: number;
  /** By transition: `occupied` or `+id`. */
  readonly #told = new Map<string, Told>();
  #incarnation: Incarnation | undefined;

  constructor(smoothingMs: number) {
    this.#smoothingMs = smoothingMs;
  }

  /** True while an end waits in Redis: only this node could say it again. */
  get isEnding(): boolean {
    const nowMs = performance.now();
    return [...this.#told.values()].some(({ untilMs }) => untilMs !== Infinity && untilMs > nowMs);
  }

  /**
   * Notes what is about to be written. Returns what Redis may have lost since the last answer; nothing when another node has removed
   * it meanwhile.
   */
  send(desired: HeldState, { node, generation }: Incarnation, isDamaged: boolean): ToldBefore {
    const nowMs = performance.now();
    const held = new Set(transitionsOf(desired));
    const before: { holding: string[]; ended: string[] } = { holding: [], ended: [] };
    for (const [transition, told] of this.#told) {
      if (!isTold(told, nowMs)) continue;
      (held.has(transition) ? before.holding : before.ended).push(transition);
      if (held.has(transition)) told.endSent = undefined;
      else if (told.endSent?.generation !== generation) told.endSent = { generation, atMs: nowMs };
    }
    const known = this.#incarnation;
    const hasLost = known?.generation !== generation || (isDamaged && known.node === node);
    return hasLost ? { ...before, ended: endsOf(before.ended) } : NOTHING_TOLD;
  }

  /** Takes what Redis acknowledged, and for how much longer it was settling then. */
  acknowledge(state: HeldState, incarnation: Incarnation, settlingMs: number): void {
    const nowMs = performance.now();
    const isNewData = incarnation.generation !== this.#incarnation?.generation;
    const held = new Set(transitionsOf(state));
    for (const transition of held) this.#hold(transition, nowMs, settlingMs);
    for (const [transition, told] of this.#told) {
      if (held.has(transition)) continue;
      if (!isTold(told, nowMs)) this.#told.delete(transition);
      else if (told.untilMs === Infinity || isNewData) this.#end(told, nowMs, settlingMs);
    }
    this.#incarnation = incarnation;
  }

  #hold(transition: string, nowMs: number, settlingMs: number): void {
    const told = this.#told.get(transition);
    const fromMs = isTold(told, nowMs) ? told.fromMs : nowMs + settlingMs;
    this.#told.set(transition, { fromMs, untilMs: Infinity });
  }

  /** Never later than Redis tells it, so that it is not told twice. */
  #end(told: Told, nowMs: number, settlingMs: number): void {
    told.untilMs = (told.endSent?.atMs ?? nowMs) + Math.max(settlingMs, this.#smoothingMs);
  }
}

const isTold = (told: Told | undefined, nowMs: number): told is Told =>
  told !== undefined && told.fromMs <= nowMs && nowMs < told.untilMs;

const transitionsOf = ({ isHeld, users }: HeldState): string[] => [
  ...(isHeld ? [OCCUPIED] : []),
  ...[...users].map((id) => `+${id}`),
];

/** A channel is vacated after its members have gone. */
const endsOf = (begun: readonly string[]): string[] => [
  ...begun.filter((each) => each !== OCCUPIED).map((each) => `-${each.slice(1)}`),
  ...(begun.includes(OCCUPIED) ? ['vacated'] : []),
];
