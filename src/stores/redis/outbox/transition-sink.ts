import type { ChannelRef } from '../../../core/ports/channel-ref.ts';
import type { ChannelWishes, WebhookWishes } from '../../../core/ports/webhook-wishes.ts';
import type { Keys } from '../keys.ts';

/** Transitions that a node had told before Redis lost data, as scripts write them. */
export interface ToldBefore {
  /** `occupied` and `+id` of what the node still has. */
  readonly holding: readonly string[];
  /** `-id` and `vacated` of what it no longer has. */
  readonly ended: readonly string[];
}

export const NOTHING_TOLD: ToldBefore = { holding: [], ended: [] };

/** Writes the wishes as scripts read them. */
export const lettersOf = ({ occupancy, members, counts }: ChannelWishes): string =>
  `${occupancy ? 'o' : ''}${members ? 'm' : ''}${counts ? 'c' : ''}`;

/** Part of a bound that one partition has, rounded up. */
export const shareOf = (most: number, partitions: number): number => Math.ceil(most / partitions);

interface TransitionSinkDeps {
  readonly wishes: WebhookWishes;
  readonly keys: Keys;
  /** Called when a script has written to the stream of a partition. */
  readonly onWritten: (partition: number) => void;
}

/** Gives the script that decides transitions what it needs to write them to the outbox in the same step. */
export class TransitionSink {
  readonly #deps: TransitionSinkDeps;

  constructor(deps: TransitionSinkDeps) {
    this.#deps = deps;
  }

  /** `undefined`: webhooks tell nothing of the channel. */
  of(ref: ChannelRef): ChannelTransitions | undefined {
    const wishes = this.#deps.wishes.of(ref);
    return wishes && new ChannelTransitions(lettersOf(wishes), this.#deps);
  }
}

/** The part of one channel. */
export class ChannelTransitions {
  readonly #letters: string;
  readonly #deps: TransitionSinkDeps;

  constructor(letters: string, deps: TransitionSinkDeps) {
    this.#letters = letters;
    this.#deps = deps;
  }

  get smoothingMs(): number {
    return this.#deps.wishes.smoothingMs;
  }

  onWritten(partition: number): void {
    this.#deps.onWritten(partition);
  }

  /** The last keys of the script. */
  keys(partition: number): string[] {
    const { stream, waiting, attempts } = this.#deps.keys.outbox(partition);
    return [stream, waiting, attempts];
  }

  /** The last arguments of the script. */
  arguments({ holding, ended }: ToldBefore): (string | number)[] {
    const { wishes, keys } = this.#deps;
    const most = shareOf(wishes.maxWaiting, keys.partitions);
    return [wishes.smoothingMs, most, holding.length, ...holding, ended.length, ...ended, this.#letters];
  }
}
