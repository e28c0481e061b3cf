import type { AppTraffic } from '../../traffic/app-traffic.ts';

/** One app's part of the writing on this node: its channels that wait for their turn, and what they hold. */
export class AppShare<Channel> {
  readonly app: string;
  readonly traffic: AppTraffic;
  /** Writes that it may make before the next app has its turn. Below 0: it made more than its share. */
  credit = 0;
  /** True while it waits for its turn. */
  isInTurn = false;
  /** Channels of this round, from `#next` on; those added since then are in the following one. */
  #round: Channel[] = [];
  #next = 0;
  #following: Channel[] = [];
  readonly #maxWaitingBytes: number;
  #waitingBytes = 0;

  /** `maxWaitingBytes`: from there on the app is behind; 0: never. */
  constructor(app: string, traffic: AppTraffic, maxWaitingBytes = 0) {
    this.app = app;
    this.traffic = traffic;
    this.#maxWaitingBytes = maxWaitingBytes;
  }

  /** True when more events of the app would only wait in memory. */
  get isBehind(): boolean {
    return this.#maxWaitingBytes > 0 && this.#waitingBytes >= this.#maxWaitingBytes;
  }

  /** Events of so many bytes are to be written to sockets. */
  wait(bytes: number): void {
    this.#waitingBytes += bytes;
    this.traffic.waitingBytes += bytes;
  }

  /** They are written to all of their sockets. */
  written(bytes: number): void {
    this.#waitingBytes -= bytes;
    this.traffic.waitingBytes -= bytes;
  }

  get isEmpty(): boolean {
    return this.#round.length === 0 && this.#following.length === 0;
  }

  add(channel: Channel): void {
    this.#following.push(channel);
  }

  /** Each channel is taken as often as it was added, in that order. `undefined`: there is none. */
  take(): Channel | undefined {
    if (this.#round.length === 0) [this.#round, this.#following] = [this.#following, []];
    const channel = this.#round[this.#next];
    this.#next += 1;
    if (this.#next >= this.#round.length) [this.#round, this.#next] = [[], 0];
    return channel;
  }
}
