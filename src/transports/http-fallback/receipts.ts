/** Time after which a ping that was not answered counts as lost, so that another one is sent. */
export const PING_LOST_MS = 30_000;

interface Waiting {
  readonly receipt: number;
  /** Bytes of the session that must have arrived. */
  readonly end: number;
}

/** Receipts of a session (SPEC 13.3): up to which of its bytes its client has proved to have them. */
export class Receipts {
  readonly #confirm: (receipt: number) => void;
  #waiting: Waiting[] = [];
  #arrivedBytes = 0;
  /** One is under way at a time, so that it is known which one an answer belongs to. */
  #ping: { readonly end: number; ageMs: number } | undefined;

  /** `confirm`: called with each receipt that is proved. */
  constructor(confirm: (receipt: number) => void) {
    this.#confirm = confirm;
  }

  /** True when a ping is under way. */
  get isPinged(): boolean {
    return this.#ping !== undefined;
  }

  /** True when only a ping can prove what is asked for. */
  get needsPing(): boolean {
    return this.#waiting.length > 0 && this.#ping === undefined;
  }

  /** Confirms `receipt` as soon as these bytes of the session have arrived. */
  ask(receipt: number, end: number): void {
    this.#waiting.push({ receipt, end });
    this.arrived(this.#arrivedBytes);
  }

  /** A ping was written: the last of these bytes. */
  pinged(end: number): void {
    this.#ping = { end, ageMs: 0 };
  }

  /** The client answered the ping. */
  ponged(): void {
    const ping = this.#ping;
    this.#ping = undefined;
    if (ping !== undefined) this.arrived(ping.end);
  }

  /** These bytes of the session, from its beginning, have arrived. */
  arrived(bytes: number): void {
    this.#arrivedBytes = Math.max(this.#arrivedBytes, bytes);
    const isProved = ({ end }: Waiting): boolean => end <= this.#arrivedBytes;
    const proved = this.#waiting.filter(isProved);
    this.#waiting = this.#waiting.filter((each) => !isProved(each));
    for (const { receipt } of proved) this.#confirm(receipt);
  }

  /** Counts time. */
  tick(passedMs: number): void {
    if (this.#ping !== undefined && (this.#ping.ageMs += passedMs) >= PING_LOST_MS) this.#ping = undefined;
  }
}
