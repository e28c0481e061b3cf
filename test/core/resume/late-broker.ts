import type { Stores } from '../../../src/core/ports/stores.ts';
import { withOverrides } from '../fakes.ts';

/** A broker whose events, while `isLate`, reach this node only when the test lets them. */
export class LateBroker {
  isLate = false;
  readonly #underway: (() => void)[] = [];

  readonly stores = (memory: Stores): Stores => ({
    ...memory,
    broker: withOverrides(memory.broker, {
      start: (deliver) =>
        memory.broker.start((...event) => {
          if (this.isLate) this.#underway.push(() => deliver(...event));
          else deliver(...event);
        }),
    }),
  });

  /** The oldest events arrive, or all. */
  arrive(events = Infinity): void {
    for (const arrive of this.#underway.splice(0, events)) arrive();
  }
}
