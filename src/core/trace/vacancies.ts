import type { ChannelRef } from '../ports/channel-ref.ts';
import { ByteRing } from './byte-ring.ts';

/** Bytes of an entry without its texts. */
const ENTRY_BYTES = 120;

interface Vacancy {
  readonly ref: ChannelRef;
  readonly atMs: number;
}

/** The channels that became empty on this process last, bounded in bytes. */
export class Vacancies {
  readonly #ring: ByteRing<Vacancy>;

  constructor(mostBytes: number) {
    this.#ring = new ByteRing(mostBytes);
  }

  get bytes(): number {
    return this.#ring.bytes;
  }

  add(ref: ChannelRef, atMs: number): void {
    this.#ring.push({ ref, atMs }, ENTRY_BYTES + 2 * (ref.app.length + ref.channel.length));
  }

  /** When the channel became empty last, until this time; `undefined`: it is not known. */
  before({ app, channel }: ChannelRef, untilMs: number): number | undefined {
    for (const { ref, atMs } of this.#ring.newestFirst())
      if (atMs <= untilMs && ref.channel === channel && ref.app === app) return atMs;
    return undefined;
  }
}
