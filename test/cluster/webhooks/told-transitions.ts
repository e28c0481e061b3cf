import type { OutboxEntry } from '../../../src/core/ports/webhooks.ts';
import { type Instructions, subjectOf } from './instructions.ts';

const BEGINS = new Set(['channel_occupied', 'member_added', 'user_online']);

interface Rules {
  readonly instructions: Instructions;
  readonly smoothingMs: number;
}

/** Checks the transitions that an endpoint gets against what the nodes were told to do. */
export class ToldTransitions {
  readonly #rules: Rules;
  readonly #ids = new Set<string>();
  readonly #latestIds = new Map<string, string>();
  readonly #present = new Set<string>();
  readonly violations: string[] = [];
  /** Number of beginnings. */
  lives = 0;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** Channels and users that are there, as told. */
  get present(): string[] {
    return [...this.#present].sort();
  }

  /** Takes entries as they come; one that comes a second time counts once. */
  add(entries: readonly OutboxEntry[]): void {
    for (const entry of entries) {
      if (this.#ids.has(entry.id)) continue;
      this.#ids.add(entry.id);
      this.#checkOrder(entry);
      const subject = subjectOf(entry.ref.channel, entry.fields.user_id as string | undefined);
      if (BEGINS.has(entry.type)) this.#begin(subject, entry);
      else this.#end(subject, entry);
    }
  }

  #begin(subject: string, entry: OutboxEntry): void {
    this.lives += 1;
    if (this.#present.has(subject)) this.#violated(entry, 'told again');
    if (this.#rules.instructions.wasAbsent(subject, entry.timeMs)) this.#violated(entry, 'was not there');
    this.#present.add(subject);
  }

  /** Expects that nobody was there within the smoothing. A millisecond at both ends is the rounding of clocks. */
  #end(subject: string, entry: OutboxEntry): void {
    const { instructions, smoothingMs } = this.#rules;
    const span = { fromMs: entry.timeMs - smoothingMs + 1, toMs: entry.timeMs - 1 };
    if (!this.#present.delete(subject)) this.#violated(entry, 'never told before');
    if (instructions.wasPresent(subject, span)) this.#violated(entry, 'was there within the smoothing');
  }

  #checkOrder(entry: OutboxEntry): void {
    const latest = this.#latestIds.get(entry.ref.channel) ?? '';
    if (placeOf(entry.id) < placeOf(latest)) this.#violated(entry, `came after ${latest}`);
    this.#latestIds.set(entry.ref.channel, entry.id);
  }

  #violated({ id, type, ref, fields }: OutboxEntry, what: string): void {
    this.violations.push(`${id} ${type} ${ref.channel} ${fields.user_id ?? ''}: ${what}`);
  }
}

/** Makes ids of one partition comparable as texts. */
const placeOf = (id: string): string =>
  id
    .split('-')
    .map((part) => part.padStart(16, '0'))
    .join('-');
