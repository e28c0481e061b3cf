import type { ChannelRef } from '../../../core/ports/events.ts';
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

/** Arguments with which the script that decides transitions writes them to the outbox in the same step. */
export class TransitionSink {
  readonly #deps: TransitionSinkDeps;

  constructor(deps: TransitionSinkDeps) {
    this.#deps = deps;
  }

  get smoothingMs(): number {
    return this.#deps.wishes.smoothingMs;
  }

  onWritten(partition: number): void {
    this.#deps.onWritten(partition);
  }

  /** True when a webhook tells anything of the channel. */
  tells(ref: ChannelRef): boolean {
    return this.#lettersFor(ref) !== '';
  }

  /** Keys of the outbox, none when no webhook tells anything of the channel. */
  keysFor(ref: ChannelRef, partition: number): string[] {
    if (this.#lettersFor(ref) === '') return [];
    const { stream, waiting, attempts } = this.#deps.keys.outbox(partition);
    return [stream, waiting, attempts];
  }

  argumentsFor(ref: ChannelRef, { holding, ended }: ToldBefore): (string | number)[] {
    const letters = this.#lettersFor(ref);
    if (letters === '') return [''];
    const { wishes, keys } = this.#deps;
    const most = shareOf(wishes.maxWaiting, keys.partitions);
    return [wishes.smoothingMs, most, holding.length, ...holding, ended.length, ...ended, letters];
  }

  /** Of an internal channel, members are the only thing that is told. */
  #lettersFor(ref: ChannelRef): string {
    const wishes = this.#deps.wishes.of(ref);
    if (wishes === undefined) return '';
    return ref.channel.startsWith('#') ? (wishes.members ? 'm' : '') : lettersOf(wishes);
  }
}
