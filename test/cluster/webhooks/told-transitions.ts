import type { OutboxEntry } from '../../../src/core/ports/webhooks.ts';

const BEGINS = new Set(['channel_occupied', 'member_added', 'user_online']);

/** Checks the transitions that endpoints get: for each channel and user, beginnings and ends alternate. */
export class ToldTransitions {
  readonly #ids = new Set<string>();
  readonly #present = new Map<string, boolean>();
  readonly violations: string[] = [];
  count = 0;

  /** Takes entries as they come; one that comes a second time counts once. */
  add(entries: readonly OutboxEntry[]): void {
    for (const entry of entries) {
      if (this.#ids.has(entry.id)) continue;
      this.#ids.add(entry.id);
      this.count += 1;
      const subject = `${entry.ref.channel} ${entry.fields.user_id ?? ''}`;
      const begins = BEGINS.has(entry.type);
      if ((this.#present.get(subject) ?? false) === begins)
        this.violations.push(`${entry.id} ${subject}: ${entry.type} again`);
      this.#present.set(subject, begins);
    }
  }

  get isOver(): boolean {
    return ![...this.#present.values()].includes(true);
  }

  unfinished(): string[] {
    return [...this.#present]
      .filter(([, isPresent]) => isPresent)
      .map(([subject]) => `${subject} did not end`);
  }

  /** Channels that were never told, though a script made them occupied; internal channels are not told. */
  missing(channels: ReadonlySet<string>): string[] {
    return [...channels]
      .filter((channel) => !channel.startsWith('#') && !this.#present.has(`${channel} `))
      .map((channel) => `${channel} was never told`);
  }
}
